// SPDX-License-Identifier: Apache-2.0
#include <procession/coroutine.hpp>
#include <procession/mp.hpp>

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "support/start_methods.hpp"
#include "support/targets.hpp"
#include "support/thrown.hpp"

namespace {

using namespace std::chrono_literals;
namespace test = procession::test;
using Items = std::vector<int>;

class Coroutine : public test::EachStartMethod {
  protected:
    void SetUp() override {
#ifdef __SANITIZE_THREAD__
        if (GetParam() == mp::StartMethod::fork)
            GTEST_SKIP()
                << "the thread sanitizer allows no threads in a child that a process with threads "
                   "has forked";
#endif
        EachStartMethod::SetUp();
    }
};
INSTANTIATE_TEST_SUITE_P(EveryMethod, Coroutine, test::all_start_methods(), test::name_of_parameter);

void put_up_to(mp::Queue<int> queue, int count) {
    for (int i = 0; i < count; ++i) queue.put(i);
}

TEST_P(Coroutine, gets_what_a_process_puts_and_then_its_exit_code) {
    mp::Queue<int> queue;
    mp::Process process(put_up_to, queue, 100);
    process.start();
    const int sum = mp::run([](mp::Process& process, mp::Queue<int> queue) -> mp::Task<int> {
        int sum = 0;
        for (int i = 0; i < 100; ++i) sum += co_await mp::async_get(queue);
        EXPECT_EQ(co_await process, 0);
        EXPECT_EQ(co_await process.handle(), 0) << "again";
        co_return sum;
    }(process, queue));
    EXPECT_EQ(sum, 4950);
}

TEST_P(Coroutine, learns_how_processes_end) {
    mp::Process leaves(test::exit_with, 3), killed(test::wait_for_ever), stays(test::wait_for_ever);
    for (mp::Process* each : {&leaves, &killed, &stays}) each->start();
    mp::run([](mp::Process& leaves, mp::Process& killed, mp::Process& stays) -> mp::Task<> {
        EXPECT_FALSE((co_await mp::async_join(stays, 0s)).has_value());
        EXPECT_FALSE((co_await mp::async_join(stays, 20ms)).has_value());
        mp::EventLoop::current().spawn([](mp::Process& killed) -> mp::Task<> {
            killed.kill();
            co_return;
        }(killed));
        const auto [first, second] =
            co_await mp::when_all(mp::async_join(leaves), mp::async_join(killed));
        EXPECT_EQ(first, 3);
        EXPECT_EQ(second, -SIGKILL);
    }(leaves, killed, stays));
    stays.kill();
    stays.join();
    mp::Process never(test::nothing);
    EXPECT_THROW(static_cast<void>(mp::async_join(never)), mp::StateError);
}

TEST_P(Coroutine, learns_how_a_process_ended_that_another_closes_at_once) {
    mp::Process process(test::wait_for_ever);
    process.start();
    const mp::ProcessHandle handle = process.handle();
    mp::run([](mp::Process& process, mp::ProcessHandle handle) -> mp::Task<> {
        mp::EventLoop::current().spawn([](mp::Process& process) -> mp::Task<> {
            process.kill();
            process.join();
            process.close();
            co_return;
        }(process));
        EXPECT_EQ(co_await handle, -SIGKILL);
    }(process, handle));
}

void answer(mp::Connection connection) {
    for (;;) connection.send(connection.recv<int>() + 1);
}

TEST_P(Coroutine, talks_with_processes_until_they_are_killed) {
    struct Peer {
        mp::Connection connection;
        mp::Process process;
    };
    std::vector<Peer> peers;
    for (int i = 0; i < 3; ++i) {
        auto [here, there] = mp::Pipe();
        peers.push_back({std::move(here), mp::Process(answer, std::move(there))});
        peers.back().process.start();
    }
    const auto talk = [](Peer& peer) -> mp::Task<int> {
        int number = 0;
        while (number < 100) {
            peer.connection.send(number);
            number = co_await mp::async_recv<int>(peer.connection);
        }
        peer.process.kill();
        EXPECT_EQ(co_await peer.process, -SIGKILL);
        try {
            number += co_await mp::async_recv<int>(peer.connection);
        } catch (const mp::EndOfFile&) {
        }
        co_return number;
    };
    std::vector<mp::Task<int>> talks;
    for (Peer& peer : peers) talks.push_back(talk(peer));
    EXPECT_EQ(mp::run(mp::when_all(std::move(talks))), (Items{100, 100, 100}));
}

mp::Task<> get_some(mp::Queue<int> from, mp::Queue<int> to) {
    try {
        for (;;) to.put(co_await mp::async_get(from));
    } catch (const mp::ShutDown&) {
    }
}
void get_by_several_tasks(mp::Queue<int> from, mp::Queue<int> to) {
    mp::EventLoop loop;
    for (int i = 0; i < 4; ++i) loop.spawn(get_some(from, to));
    loop.run();
}

TEST_P(Coroutine, shares_a_queue_with_others_and_other_processes_and_each_item_comes_to_one) {
    mp::Queue<int> from, to;
    mp::Process one(get_by_several_tasks, from, to), other(get_by_several_tasks, from, to);
    one.start();
    other.start();
    constexpr int count = 5000;
    mp::Process putter(put_up_to, from, count);
    putter.start();
    Items got = mp::run([](mp::Queue<int> from, mp::Queue<int> to) -> mp::Task<Items> {
        for (int i = 0; i < 4; ++i) mp::EventLoop::current().spawn(get_some(from, to));
        Items got;
        while (got.size() < count) {
            const Items more = co_await mp::async_get_many(to, count);
            got.insert(got.end(), more.begin(), more.end());
        }
        from.shutdown();
        co_return got;
    }(from, to));
    for (mp::Process* each : {&one, &other, &putter}) {
        each->join();
        EXPECT_EQ(each->exitcode(), 0);
    }
    EXPECT_FALSE(to.try_get());
    std::ranges::sort(got);
    for (int i = 0; i < count; ++i) ASSERT_EQ(got[static_cast<std::size_t>(i)], i);
}

void put_slowly(mp::Queue<int> queue, int count) {
    for (int i = 0; i < count; ++i) {
        queue.put(i);
        if (i % 8 == 0) std::this_thread::sleep_for(100us);
    }
}

// What comes to a wait that is just ended is given, or is still there: the order tells.
TEST_P(Coroutine, that_is_cancelled_at_random_moments_loses_nothing_of_what_a_process_puts) {
    mp::Queue<int> queue;
    constexpr int count = 2000;
    mp::Process putter(put_slowly, queue, count);
    putter.start();
    Items got = mp::run([](mp::Process& putter, mp::Queue<int> queue) -> mp::Task<Items> {
        std::mt19937 random(3);
        Items got;
        for (int cancelled = 0; cancelled < 2000 || putter.is_alive();) {
            std::stop_source stop;
            std::jthread stopper;
            if (cancelled % 10 == 0) stopper = std::jthread([&] { stop.request_stop(); });
            try {
                const std::chrono::nanoseconds limit(random() % 300'000);
                got.push_back(co_await mp::async_get(queue, limit, stop.get_token()));
            } catch (const mp::Error&) {
                ++cancelled;
            }
        }
        co_return got;
    }(putter, queue));
    while (const auto left = queue.try_get()) got.push_back(*left);
    ASSERT_EQ(got.size(), static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) ASSERT_EQ(got[static_cast<std::size_t>(i)], i);
}

void put_for_ever(mp::Queue<int> queue) {
    for (int i = 0;; ++i) queue.put(i);
}

TEST_P(Coroutine, gets_all_that_a_killed_process_had_put) {
    mp::Queue<int> queue(100);
    mp::Process putter(put_for_ever, queue);
    putter.start();
    mp::run([](mp::Process& putter, mp::Queue<int> queue) -> mp::Task<> {
        int expected = 0;
        while (expected < 1000) EXPECT_EQ(co_await mp::async_get(queue), expected++);
        putter.kill();
        EXPECT_EQ(co_await putter, -SIGKILL);
        try {
            for (;;) EXPECT_EQ(co_await mp::async_get(queue, 0s), expected++);
        } catch (const mp::Empty&) {
        }
    }(putter, queue));
}

mp::Task<> leave() {
    co_await mp::sleep_for(0s);
    mp::exit(5);
}
void leave_from_a_task() { mp::run(leave()); }

TEST_P(Coroutine, can_end_its_process) {
    mp::Process process(leave_from_a_task);
    process.start();
    process.join();
    EXPECT_EQ(process.exitcode(), 5);
}

}  // namespace
