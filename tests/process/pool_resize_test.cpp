// SPDX-License-Identifier: Apache-2.0

// Pools that grow and shrink while they work, and in which order they take what waits.

#include <gtest/gtest.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <functional>
#include <random>
#include <thread>
#include <vector>

#include "support/start_methods.hpp"
#include "support/waiting.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;

class PoolResize : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, PoolResize, all_start_methods(), name_of_parameter);

int take_a_while(int n) {
    std::this_thread::sleep_for(std::chrono::microseconds(n % 3 * 500));
    return -n;
}
int run_until(mp::Event go) {
    go.wait();
    return ::getpid();
}

TEST_P(PoolResize, loses_nothing_of_what_is_under_way) {
    const mp::Pool pool(2);
    std::vector<mp::AsyncResult<int>> applied;
    std::vector<int> items(300);
    for (int n = 0; n < 300; ++n) items[n] = n;
    const auto mapped = pool.map_async(take_a_while, items);
    const auto in_chunks = pool.map_async(take_a_while, items, 7);
    for (int n = 0; n < 300; ++n) {
        applied.push_back(pool.apply_async(take_a_while, n));
        if (n % 50 == 0) pool.resize(1 + n / 50 % 4);
    }
    for (int n = 0; n < 300; ++n) {
        EXPECT_EQ(applied[n].get(), -n);
        if (n % 50 == 0) pool.resize(4 - n / 50 % 4);
    }
    std::ranges::transform(items, items.begin(), std::negate<>());
    EXPECT_EQ(mapped.get(), items);
    EXPECT_EQ(in_chunks.get(), items);
    EXPECT_EQ(pool.stats().died, 0U);
    EXPECT_EQ(pool.stats().failed, 0U);
    EXPECT_EQ(pool.stats().done, 900U);
}

TEST_P(PoolResize, has_as_many_workers_in_the_end_however_fast_it_is_told) {
    const mp::Pool pool(1);
    std::mt19937 random(3);
    for (int round = 0; round < 10; ++round) {
        const std::size_t last = 1 + random() % 4;
        for (int i = 0; i < 5; ++i) pool.resize(1 + static_cast<int>(random() % 6));
        pool.resize(static_cast<int>(last));
        wait_until([&] {
            std::this_thread::sleep_for(1ms);
            return pool.workers().size() == last;
        });
    }
    EXPECT_EQ(pool.apply(take_a_while, 1), -1);
    EXPECT_EQ(pool.stats().died, 0U);
}

TEST_P(PoolResize, has_no_more_workers_than_it_was_told_last_though_some_were_about_to_begin) {
    const mp::Pool pool(1);
    // Some of the six are being started when there is to be one.
    for (const std::size_t before : {1, 2, 3, 4, 5}) {
        pool.resize(6);
        wait_until([&] { return pool.workers().size() > before; });
        pool.resize(1);
        wait_until([&] {
            std::this_thread::sleep_for(1ms);
            return pool.workers().size() == 1;
        });
    }
    EXPECT_EQ(pool.stats().died, 0U);
}

TEST_P(PoolResize, shrinks_without_ending_a_task) {
    const mp::Pool pool(3);
    const mp::Event go;
    std::vector<mp::AsyncResult<int>> running;
    for (int i = 0; i < 3; ++i) running.push_back(pool.apply_async(run_until, go));
    wait_until([&] { return pool.stats().running == 3; });
    pool.resize(1);
    const auto queued = pool.apply_async(take_a_while, 7);
    go.set();
    for (const auto& each : running) EXPECT_NE(each.get(), 0);
    EXPECT_EQ(queued.get(), -7);
    wait_until([&] { return pool.workers().size() == 1; });
    EXPECT_EQ(pool.stats().died, 0U);
    EXPECT_EQ(pool.stats().failed, 0U);
}

TEST_P(PoolResize, works_where_workers_are_replaced) {
    const mp::Pool pool(1, {.maxtasksperchild = 3});
    for (const int size : {3, 1, 4, 2}) {
        pool.resize(size);
        EXPECT_EQ(pool.map(take_a_while, {1, 2, 3, 4, 5, 6}, 1), (std::vector{-1, -2, -3, -4, -5, -6}));
        wait_until([&] { return pool.workers().size() == static_cast<std::size_t>(size); });
    }
    EXPECT_EQ(pool.stats().died, 0U);
}

// ---------------------------------------------------------------- priorities

void note(mp::Queue<int> order, int number) { order.put(number); }

TEST(PoolPriority, keeps_what_is_least_urgent_from_waiting_for_ever) {
    const mp::Pool pool(1);
    const mp::Event go;
    const mp::Queue<int> order;
    const auto blocker = pool.apply_async(run_until, go);
    wait_until([&] { return pool.stats().running == 1; });
    std::vector<mp::AsyncResult<void>> results;
    const auto submit = [&](int priority, int number) {
        results.push_back(pool.apply_async(mp::TaskOptions{.priority = priority}, note, order, number));
    };
    submit(-1, -1);
    submit(0, 0);
    for (int n = 1; n <= 200; ++n) submit(1, n);
    go.set();
    for (const auto& each : results) each.get();
    const std::vector<int> came = order.get_many(202);
    const auto place = [&](int number) { return std::ranges::find(came, number) - came.begin(); };
    // Neither first nor last; those of one priority in their order.
    EXPECT_GT(place(-1), 0);
    EXPECT_LT(place(-1), 200);
    EXPECT_LT(place(0), 200);
    for (int n = 1; n < 200; ++n) EXPECT_LT(place(n), place(n + 1));
}

}  // namespace
