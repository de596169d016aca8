// SPDX-License-Identifier: Apache-2.0

// A process that waits for several things at once: for the messages of many, and for a worker's results or its
// end.

#include <fmt/core.h>
#include <signal.h>
#include <procession/mp.hpp>

#include <cstddef>
#include <vector>

void count(mp::Connection out, int from) {
    for (int i = 0; i < 3; ++i) out.send(from + i);
}

int sum_of_all(std::vector<mp::Connection> readers) {
    int sum = 0;
    while (!readers.empty()) {
        for (const std::size_t ready : mp::wait(readers)) {
            try {
                sum += readers[ready].recv<int>();
            } catch (const mp::EndOfFile&) {
                readers[ready].close();
            }
        }
        std::erase_if(readers, [](const mp::Connection& reader) { return reader.closed(); });
    }
    return sum;
}

void square_until_killed(mp::Queue<int> results) {
    for (const int number : {1, 2, 3}) results.put(number * number);
    ::raise(SIGKILL);
}

int main() {
    std::vector<mp::Connection> readers;
    std::vector<mp::Process> counters;
    for (const int from : {10, 20, 30, 40}) {
        auto [reader, writer] = mp::Pipe(false);
        readers.push_back(std::move(reader));
        counters.emplace_back(count, std::move(writer), from);
        counters.back().start();
    }
    fmt::print("sum: {}\n", sum_of_all(std::move(readers)));
    for (mp::Process& counter : counters) counter.join();

    const mp::Queue<int> results;
    mp::Process worker(square_until_killed, results);
    worker.start();
    // What was put comes first, and then the end: nobody waits in vain for one that was killed.
    while (mp::wait(mp::forever, results, worker).front() == 0) fmt::print("{}\n", results.get());
    worker.join();
    fmt::print("exit code {}\n", worker.exitcode());
}
