// SPDX-License-Identifier: Apache-2.0

// A pool's process whose calls are interrupted by signals, and one of which many threads call everything at once.

#include <gtest/gtest.h>
#include <signal.h>
#include <procession/mp.hpp>

#include <atomic>
#include <chrono>
#include <random>
#include <ranges>
#include <thread>
#include <vector>

#include "support/signal_storm.hpp"
#include "support/start_methods.hpp"
#include "support/storm.hpp"
#include "support/waiting.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;

int square(int x) { return x * x; }
int run_until(mp::Event go) {
    go.wait();
    return 42;
}
int take_a_while(int n) {
    std::this_thread::sleep_for(std::chrono::microseconds(n % 5 * 100));
    return -n;
}

class PoolThroughSignals : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, PoolThroughSignals, all_start_methods(), name_of_parameter);

TEST_P(PoolThroughSignals, gets_a_result) {
    const mp::Pool pool(1);
    const mp::Event go;
    const auto result = pool.apply_async(run_until, go);
    EXPECT_EQ(through_signals([&] { return result.get(); }, [&] { go.set(); }), 42);
}

TEST_P(PoolThroughSignals, waits_for_one_in_vain_for_as_long_as_it_was_told) {
    const mp::Pool pool(1);
    const mp::Event go;
    const auto result = pool.apply_async(run_until, go);
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_FALSE(through_signals([&] { return result.wait(200ms); }, [] {}));
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 200ms);
    go.set();
}

TEST_P(PoolThroughSignals, maps) {
    const mp::Pool pool(1);
    const mp::Event go;
    const auto wait = [](mp::Event go, int n) {
        go.wait();
        return n;
    };
    EXPECT_EQ(through_signals(
                  [&] {
                      return pool.map(mp::bind(wait, go), {1, 2, 3}, 1);
                  },
                  [&] { go.set(); }),
              (std::vector{1, 2, 3}));
}

TEST_P(PoolThroughSignals, joins) {
    const mp::Pool pool(1);
    const mp::Event go;
    const auto result = pool.apply_async(run_until, go);
    pool.close();
    EXPECT_TRUE(through_signals([&] { return pool.join(); }, [&] { go.set(); }));
    EXPECT_EQ(result.get(), 42);
}

TEST_P(PoolThroughSignals, is_made_and_ended) {
    // As often as a profiler's.
    struct sigaction action {
    }, before{};
    action.sa_handler = [](int) { ++storm_signals; };
    ::sigaction(SIGUSR1, &action, &before);
    std::jthread storm([target = ::pthread_self()](const std::stop_token& ends) {
        while (!ends.stop_requested()) {
            ::pthread_kill(target, SIGUSR1);
            std::this_thread::sleep_for(200us);
        }
    });
    for (int round = 0; round < 3; ++round) {
        const mp::Pool pool(2, {.maxtasksperchild = 2});
        std::vector<int> items(20), results(20);
        for (int n = 0; n < 20; ++n) items[n] = n, results[n] = n * n;
        EXPECT_EQ(pool.map(square, items, 1), results);
        EXPECT_EQ(pool.stats().died, 0U);
    }
    storm.request_stop();
    storm.join();
    ::sigaction(SIGUSR1, &before, nullptr);
}

// ---------------------------------------------------------------- many threads

class PoolOfManyThreads : public testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(TasksPerChild, PoolOfManyThreads, testing::Values(0, 50));

TEST_P(PoolOfManyThreads, does_for_each_what_it_asks) {
    const mp::Pool pool(2, {.maxtasksperchild = GetParam()});
    const auto end = storm_end();
    const auto until_the_end = [&](auto act) {
        return std::jthread([&, act] {
            std::mt19937 random(static_cast<unsigned>(::gettid()));
            while (std::chrono::steady_clock::now() < end) act(random);
        });
    };
    std::atomic<int> calls = 0, cancelled = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 3; ++i)
            threads.push_back(until_the_end([&](auto& random) {
                const int n = static_cast<int>(random() % 1000);
                EXPECT_EQ(pool.apply(take_a_while, n), -n);
                ++calls;
            }));
        threads.push_back(until_the_end([&](auto& random) {
            std::vector<int> items(random() % 300), results;
            for (int& n : items) results.push_back(-(n = static_cast<int>(random() % 50)));
            EXPECT_EQ(pool.map(take_a_while, items, random() % 5), results);
            ++calls;
        }));
        threads.push_back(until_the_end([&](auto& random) {
            std::vector<mp::AsyncResult<int>> results;
            for (int n = 0; n < 10; ++n) results.push_back(pool.apply_async(take_a_while, n));
            results[random() % 10].cancel();
            for (int n = 0; n < 10; ++n) {
                try {
                    EXPECT_EQ(results[n].get(), -n);
                } catch (const mp::CancelledError&) {
                    ++cancelled;
                }
            }
        }));
        threads.push_back(until_the_end([&](auto&) {
            int expected = 0;
            for (const int each : pool.imap(square, std::views::iota(0, 40))) {
                EXPECT_EQ(each, expected * expected);
                ++expected;
            }
            EXPECT_EQ(expected, 40);
        }));
        threads.push_back(until_the_end([&](auto&) {
            const mp::PoolStats stats = pool.stats();
            EXPECT_LE(stats.running, stats.workers.size());
            for (const mp::ProcessHandle& worker : pool.workers()) EXPECT_GT(worker.pid(), 0);
            std::this_thread::sleep_for(1ms);
        }));
        threads.push_back(until_the_end([&](auto& random) {
            pool.resize(1 + static_cast<int>(random() % 4));
            std::this_thread::sleep_for(20ms);
        }));
    }
    EXPECT_GT(calls, 0);
    pool.resize(2);
    wait_until([&] { return pool.workers().size() == 2; });
    EXPECT_EQ(pool.apply(square, 3), 9);
    const mp::PoolStats stats = pool.stats();
    EXPECT_EQ(stats.queued, 0U);
    EXPECT_EQ(stats.running, 0U);
    EXPECT_EQ(stats.failed, static_cast<std::uint64_t>(cancelled));
    fmt::print("{} calls, {} cancelled\n", calls.load(), cancelled.load());
}

}  // namespace
