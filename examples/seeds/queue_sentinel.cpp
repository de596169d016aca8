// SPDX-License-Identifier: Apache-2.0

// A sentinel tells the consumer that no more items will come. With several consumers, each needs one.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <optional>
#include <vector>

using Items = mp::Queue<std::optional<int>>;

void consumer(Items input_q) {
    while (const auto item = input_q.get()) fmt::print("{}\n", *item);  // Replace with useful work
    fmt::print("Consumer done\n");
}

void producer(const std::vector<int>& sequence, const Items& output_q) {
    for (const int item : sequence) output_q.put(item);
}

int main() {
    Items q;
    mp::Process cons_p(consumer, q);
    cons_p.start();
    producer({1, 2, 3, 4}, q);
    // Signal completion by putting the sentinel on the queue
    q.put(std::nullopt);
    cons_p.join();
}
