// SPDX-License-Identifier: Apache-2.0

// A consumer takes items out of a pipe until that is closed at the other end.
//
// In Python each process closes the end that it does not use, or the consumer never ends. Here an end is
// only where it was moved: the consumer has no input end to close, and start() closes the output end of the
// program.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <vector>

// Consume items on a pipe
void consumer(mp::Connection output_p) {
    try {
        for (;;) {
            const int item = output_p.recv<int>();
            // Process item
            fmt::print("{}\n", item);  // Replace with useful work
        }
    } catch (const mp::EndOfFile&) {
        // Shutdown
        fmt::print("Consumer done\n");
    }
}

// Produce items and put them on a pipe
void producer(const std::vector<int>& sequence, const mp::Connection& input_p) {
    for (const int item : sequence) input_p.send(item);
}

int main() {
    auto [output_p, input_p] = mp::Pipe();
    // Launch the consumer process
    mp::Process cons_p(consumer, std::move(output_p));
    cons_p.start();
    // Produce items
    producer({1, 2, 3, 4}, input_p);
    // Signal completion by closing the input end
    input_p.close();
    // Wait for the consumer process to shut down
    cons_p.join();
}
