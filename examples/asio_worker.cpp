// SPDX-License-Identifier: Apache-2.0

// A program whose event loop is Asio's waits there for what a process puts and for its end, beside its timers.

#include <fmt/core.h>
#include <boost/asio.hpp>
#define PROCESSION_BOOST_ASIO
#include <procession/asio.hpp>
#include <procession/mp.hpp>

#include <chrono>

// gcc 12 takes Asio's operator delete of coroutines for one that does not fit its operator new.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace asio = boost::asio;
using namespace std::chrono_literals;

void square(mp::Queue<int> numbers, mp::Queue<int> squares) {
    for (const int number : numbers) squares.put(number * number);
}

asio::awaitable<void> follow(const mp::Process& worker, mp::Queue<int> numbers, mp::Queue<int> squares) {
    const auto here = co_await asio::this_coro::executor;
    for (int i = 1; i <= 3; ++i) {
        numbers.put(i);
        fmt::print("{}\n", co_await mp::asio::async_get(here, squares, asio::use_awaitable));
    }

    asio::cancellation_signal cancel;
    asio::steady_timer timer(here, 20ms);
    timer.async_wait([&](auto) { cancel.emit(asio::cancellation_type::total); });
    try {
        co_await mp::asio::async_get(here, squares,
                                     asio::bind_cancellation_slot(cancel.slot(), asio::use_awaitable));
    } catch (const boost::system::system_error&) {
        fmt::print("there is no more\n");
    }

    numbers.shutdown();
    const mp::ExitCode code = co_await mp::asio::async_join(here, worker, asio::use_awaitable);
    fmt::print("{} ended with {}\n", worker.name(), code);
}

int main() {
    const mp::Queue<int> numbers, squares;
    mp::Process worker(square, numbers, squares);
    worker.start();

    asio::io_context io;
    asio::co_spawn(io, follow(worker, numbers, squares), asio::detached);
    io.run();
}
