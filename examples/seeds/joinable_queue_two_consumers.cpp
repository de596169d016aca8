// SPDX-License-Identifier: Apache-2.0

// A pool of consumers gets items from the same queue.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <cstdio>
#include <vector>

void consumer(mp::JoinableQueue<int> input_q) {
    for (;;) {
        const int item = input_q.get();
        fmt::print("{}\n", item);  // Replace with useful work
        std::fflush(stdout);
        input_q.task_done();
    }
}

void producer(const std::vector<int>& sequence, const mp::JoinableQueue<int>& output_q) {
    for (const int item : sequence) output_q.put(item);
}

int main() {
    mp::JoinableQueue<int> q;
    mp::Process cons_p1({.daemon = true}, consumer, q);
    cons_p1.start();
    mp::Process cons_p2({.daemon = true}, consumer, q);
    cons_p2.start();
    producer({1, 2, 3, 4}, q);
    q.join();
}
