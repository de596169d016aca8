// SPDX-License-Identifier: Apache-2.0

// A consumer runs forever. The producer waits until all its items are processed; then the program ends,
// and the consumer with it, which is a daemon.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <cstdio>
#include <vector>

void consumer(mp::JoinableQueue<int> input_q) {
    for (;;) {
        const int item = input_q.get();
        // Process item
        fmt::print("{}\n", item);  // Replace with useful work
        std::fflush(stdout);
        // Signal task completion
        input_q.task_done();
    }
}

void producer(const std::vector<int>& sequence, const mp::JoinableQueue<int>& output_q) {
    for (const int item : sequence) output_q.put(item);
}

int main() {
    mp::JoinableQueue<int> q;
    mp::Process cons_p({.daemon = true}, consumer, q);
    cons_p.start();
    producer({1, 2, 3, 4}, q);
    // Wait for all items to be processed
    q.join();
}
