// SPDX-License-Identifier: Apache-2.0

// Built twice: with Boost.Asio, and with the Asio of libasio-dev where that is installed.
#if defined(PROCESSION_BOOST_ASIO) || !__has_include(<asio.hpp>)
#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
namespace net = boost::asio;
using SystemError = boost::system::system_error;
#else
#include <asio.hpp>
#include <asio/experimental/awaitable_operators.hpp>
namespace net = asio;
using SystemError = asio::system_error;
#endif
#include <procession/asio.hpp>
#include <procession/mp.hpp>

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <future>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/bells.hpp"
#include "support/listening.hpp"
#include "support/targets.hpp"

// gcc 12 takes Asio's operator delete of coroutines for one that does not fit its operator new.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"

namespace {

using namespace std::chrono_literals;
using namespace net::experimental::awaitable_operators;
namespace test = procession::test;

std::size_t descriptors() { return test::open_descriptors().size(); }
std::size_t threads() {
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

/// What an operation gave its handler.
template <class T>
struct Outcome {
    std::exception_ptr error;
    std::optional<T> value;

    auto handler() {
        return [this](std::exception_ptr its_error, T its_value) {
            error = its_error;
            value = std::move(its_value);
        };
    }
    bool is_aborted() const {
        try {
            if (error) std::rethrow_exception(error);
        } catch (const SystemError& system_error) {
            return system_error.code() == net::error::operation_aborted;
        }
        return false;
    }
};

/// Runs a coroutine of Asio's, and gives what it returns.
template <class T>
T run(net::awaitable<T> coroutine) {
    net::io_context io;
    auto result = net::co_spawn(io, std::move(coroutine), net::use_future);
    io.run();
    return result.get();
}

TEST(Asio, gets_an_item_for_a_callback) {
    net::io_context io;
    mp::Queue<int> queue;
    Outcome<int> later, there;
    mp::asio::async_get(io, queue, later.handler());
    EXPECT_EQ(io.poll(), 0u);
    queue.put(3);
    io.run();
    EXPECT_EQ(later.value, 3);
    queue.put(4);
    io.restart();
    mp::asio::async_get(io.get_executor(), queue, there.handler());
    EXPECT_FALSE(there.value) << "a handler is called by the context";
    io.run();
    EXPECT_EQ(there.value, 4);
    EXPECT_FALSE(there.error);
}

TEST(Asio, gets_items_for_futures) {
    net::io_context io;
    mp::Queue<std::string> one, several;
    auto item = mp::asio::async_get(io, one, net::use_future);
    auto items = mp::asio::async_get_many(io, several, 5, net::use_future);
    std::jthread putter([&] {
        one.put("text");
        several.put_many({"two", "three"});
    });
    io.run();
    EXPECT_EQ(item.get(), "text");
    EXPECT_EQ(items.get(), (std::vector<std::string>{"two", "three"}));
}

TEST(Asio, gets_items_in_a_coroutine) {
    mp::Queue<int> queue;
    std::jthread putter([&] { queue.put_many({1, 2, 3}); });
    EXPECT_EQ(run([](mp::Queue<int> queue) -> net::awaitable<int> {
                  const auto here = co_await net::this_coro::executor;
                  int sum = 0;
                  for (int i = 0; i < 3; ++i)
                      sum += co_await mp::asio::async_get(here, queue, net::use_awaitable);
                  co_return sum;
              }(queue)),
              6);
}

TEST(Asio, fails_with_what_the_twin_that_blocks_throws) {
    net::io_context io;
    mp::Queue<int> ended, closed;
    auto [one, other] = mp::Pipe();
    auto from_ended = mp::asio::async_get(io, ended, net::use_future);
    auto at_end = mp::asio::async_recv<int>(io, one, net::use_future);
    closed.close();
    auto from_closed = mp::asio::async_get(io, closed, net::use_future);
    ended.shutdown();
    other.close();
    io.run();
    EXPECT_THROW(from_ended.get(), mp::ShutDown);
    EXPECT_THROW(at_end.get(), mp::EndOfFile);
    EXPECT_THROW(from_closed.get(), mp::ValueError);
}

TEST(Asio, receives_values_and_bytes) {
    auto [one, other] = mp::Pipe();
    std::jthread sender([&end = other] {
        end.send(7);
        end.send_bytes("bytes");
    });
    EXPECT_EQ(run([](const mp::Connection& one) -> net::awaitable<std::size_t> {
                  const auto here = co_await net::this_coro::executor;
                  EXPECT_EQ(co_await mp::asio::async_recv<int>(here, one, net::use_awaitable), 7);
                  co_return (co_await mp::asio::async_recv_bytes(here, one, net::use_awaitable)).size();
              }(one)),
              5u);
}

TEST(Asio, accepts_who_connects) {
    net::io_context io;
    mp::Listener listener(test::own_path("asio"));
    auto accepted = mp::asio::async_accept(io, listener, net::use_future);
    std::jthread client(
        [address = listener.address()] { mp::Client(address).send(std::string("hello")); });
    io.run();
    EXPECT_EQ(accepted.get().recv<std::string>(), "hello");
}

TEST(Asio, learns_how_processes_end) {
    net::io_context io;
    mp::Process leaves(test::exit_with, 3), killed(test::wait_for_ever);
    leaves.start();
    killed.start();
    auto left = mp::asio::async_join(io, leaves, net::use_future);
    Outcome<mp::ExitCode> death;
    mp::asio::async_join(io, killed.handle(), death.handler());
    killed.kill();
    io.run();
    EXPECT_EQ(left.get(), 3);
    EXPECT_EQ(death.value.value(), -SIGKILL);
}

int twice(int number) { return 2 * number; }
int throw_it(int number) { throw std::runtime_error(std::to_string(number)); }
void get_one(mp::Queue<int> queue) { static_cast<void>(queue.get()); }

TEST(Asio, gets_results_of_pools) {
    net::io_context io;
    mp::Queue<int> go;
    mp::ProcessPoolExecutor pool(1);
    const auto done = pool.submit(get_one, go);
    Outcome<int> value, error;
    bool is_done = false;
    mp::asio::async_get(io, done, [&](std::exception_ptr) { is_done = true; });
    mp::asio::async_get(io, pool.submit(twice, 4), value.handler());
    mp::asio::async_get(io, pool.submit(throw_it, 5), error.handler());
    io.poll();
    EXPECT_FALSE(is_done);
    go.put(1);
    io.run();
    EXPECT_TRUE(is_done);
    EXPECT_EQ(value.value, 8);
    EXPECT_THROW(std::rethrow_exception(error.error), std::runtime_error);
}

TEST(Asio, is_cancelled_by_its_slot_and_has_taken_nothing) {
    for (const auto type : {net::cancellation_type::terminal, net::cancellation_type::total}) {
        net::io_context io;
        mp::Queue<int> queue;
        net::cancellation_signal signal;
        Outcome<int> cancelled;
        mp::asio::async_get(io, queue, net::bind_cancellation_slot(signal.slot(), cancelled.handler()));
        io.poll();
        signal.emit(type);
        queue.put(1);
        io.run();
        EXPECT_TRUE(cancelled.is_aborted());
        EXPECT_EQ(queue.get_nowait(), 1);
    }
}

TEST(Asio, is_cancelled_also_when_its_descriptor_is_readable_already) {
    net::io_context io;
    mp::Queue<int> queue;
    net::cancellation_signal signal;
    Outcome<int> cancelled;
    mp::asio::async_get(io, queue, net::bind_cancellation_slot(signal.slot(), cancelled.handler()));
    queue.put(1);
    signal.emit(net::cancellation_type::terminal);
    io.run();
    EXPECT_TRUE(cancelled.is_aborted());
    EXPECT_EQ(queue.get_nowait(), 1);
}

TEST(Asio, leaves_nothing_when_its_context_is_destroyed) {
    mp::Queue<int> queue;
    auto [one, other] = mp::Pipe();
    mp::ProcessPoolExecutor pool(1);
    const auto result = pool.submit(get_one, queue);
    static_cast<void>(queue.fileno());
    static_cast<void>(one.fileno());
    while (pool.workers().empty()) std::this_thread::yield();
    const std::size_t before = descriptors();
    {
        net::io_context io;
        Outcome<int> item, message;
        mp::asio::async_get(io, queue, item.handler());
        mp::asio::async_recv<int>(io, one, message.handler());
        mp::asio::async_get(io, result, [](std::exception_ptr) {});
        io.poll();
    }
    EXPECT_EQ(descriptors(), before);
    queue.put_many({1, 2});
    result.result();
    EXPECT_EQ(queue.get_nowait(), 2);
}

void put_up_to(mp::Queue<int> queue, int count) {
    for (int i = 0; i < count; ++i) queue.put(i);
}

// A timer against each wait. What the wait has, it gives: the operator would throw it away.
net::awaitable<std::vector<int>> get_between_timers(mp::Queue<int> queue, int cancellations) {
    const auto here = co_await net::this_coro::executor;
    std::mt19937 random(1);
    std::vector<int> got;
    for (int cancelled = 0; cancelled < cancellations;) {
        net::cancellation_signal signal;
        net::steady_timer timer(here, std::chrono::nanoseconds(random() % 100'000));
        timer.async_wait([&](auto code) {
            if (!code) signal.emit(net::cancellation_type::total);
        });
        try {
            got.push_back(co_await mp::asio::async_get(
                here, queue, net::bind_cancellation_slot(signal.slot(), net::use_awaitable)));
        } catch (const SystemError&) {
            ++cancelled;
        }
        timer.cancel();
        // Its handler refers to what goes now.
        co_await net::post(here, net::use_awaitable);
        co_await net::post(here, net::use_awaitable);
    }
    co_return got;
}

TEST(Asio, loses_nothing_when_it_is_cancelled_at_random_moments) {
    mp::Queue<int> queue;
    static_cast<void>(queue.fileno());
    constexpr int count = 10'000;
    mp::Process putter(put_up_to, queue, count);
    putter.start();
    const std::size_t descriptors_before = descriptors(), threads_before = threads();
    std::vector<int> got = run(get_between_timers(queue, 10'000));
    EXPECT_EQ(descriptors(), descriptors_before);
    EXPECT_EQ(threads(), threads_before);
    putter.join();
    while (const auto left = queue.try_get()) got.push_back(*left);
    ASSERT_EQ(got.size(), static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) ASSERT_EQ(got[static_cast<std::size_t>(i)], i);
}

// Several threads run the context, several operations wait for one queue, and another process takes from it.
TEST(Asio, gives_each_item_to_one) {
    mp::Queue<int> from, to;
    constexpr int count = 5000;
    const auto move_all = [](mp::Queue<int> from, mp::Queue<int> to) {
        try {
            for (;;) to.put(from.get());
        } catch (const mp::ShutDown&) {
        }
    };
    mp::Process rival(move_all, from, to), putter(put_up_to, from, count);
    rival.start();
    putter.start();
    net::thread_pool pool(3);
    for (int i = 0; i < 8; ++i)
        net::co_spawn(
            pool,
            [from, to]() -> net::awaitable<void> {
                const auto here = co_await net::this_coro::executor;
                try {
                    for (;;) to.put(co_await mp::asio::async_get(here, from, net::use_awaitable));
                } catch (const mp::ShutDown&) {
                }
            },
            net::detached);
    std::vector<int> got;
    while (got.size() < count) got.push_back(to.get());
    from.shutdown();
    pool.join();
    rival.join();
    putter.join();
    EXPECT_FALSE(to.try_get());
    std::ranges::sort(got);
    for (int i = 0; i < count; ++i) ASSERT_EQ(got[static_cast<std::size_t>(i)], i);
}

TEST(Asio, goes_with_its_operators) {
    mp::Queue<int> queue;
    const auto first_of = [](mp::Queue<int> queue) -> net::awaitable<std::size_t> {
        const auto here = co_await net::this_coro::executor;
        net::steady_timer timer(here, 10ms);
        const auto first = co_await (mp::asio::async_get(here, queue, net::use_awaitable) ||
                                     timer.async_wait(net::use_awaitable));
        co_return first.index();
    };
    EXPECT_EQ(run(first_of(queue)), 1u);
    queue.put(1);
    EXPECT_EQ(run(first_of(queue)), 0u);
}

}  // namespace
