// SPDX-License-Identifier: Apache-2.0

// One thread waits for several processes at once, as coroutines: for what they put, and for their ends.

#include <fmt/core.h>
#include <signal.h>
#include <procession/coroutine.hpp>
#include <procession/mp.hpp>

#include <chrono>

using namespace std::chrono_literals;

void square(mp::Queue<int> numbers, mp::Queue<int> squares) {
    for (const int number : numbers) squares.put(number * number);
}
void crash() { ::raise(SIGKILL); }

mp::Task<int> sum(mp::Queue<int> squares, int count) {
    int all = 0;
    for (int i = 0; i < count; ++i) all += co_await mp::async_get(squares);
    co_return all;
}

mp::Task<> report(const mp::Process& process) {
    const mp::ExitCode code = co_await process;
    fmt::print("{} ended with {}\n", process.name(), code);
}

mp::Task<> follow(mp::Queue<int> numbers, mp::Queue<int> squares) {
    mp::Process worker(square, numbers, squares), unlucky(crash);
    worker.start();
    unlucky.start();
    numbers.put_many({1, 2, 3});

    const auto [total, ended] = co_await mp::when_all(sum(squares, 3), report(unlucky));
    fmt::print("the sum is {}\n", total);
    try {
        co_await mp::with_timeout(sum(squares, 1), 50ms);
    } catch (const mp::TimeoutError&) {
        fmt::print("there is no more\n");
    }
    // Nobody waits any more, and what comes now is for the next who asks.
    numbers.put(4);
    fmt::print("but then {}\n", co_await mp::async_get(squares));

    numbers.shutdown();
    co_await report(worker);
}

int main() {
    const mp::Queue<int> numbers, squares;
    mp::run(follow(numbers, squares));
}
