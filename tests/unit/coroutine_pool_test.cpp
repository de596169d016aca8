// SPDX-License-Identifier: Apache-2.0
#include <procession/coroutine.hpp>
#include <procession/mp.hpp>

#include <gtest/gtest.h>
#include <signal.h>

#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/proc.hpp"

namespace {

using namespace std::chrono_literals;
namespace test = procession::test;

int twice(int number) { return 2 * number; }
int throw_it(int number) { throw std::runtime_error(std::to_string(number)); }
int get_one(mp::Queue<int> queue) { return queue.get(); }
void nothing() {}
void be_killed() { ::raise(SIGKILL); }

template <class R>
mp::Task<typename R::value_type> result_of(R result) {
    co_return co_await result;
}

TEST(CoroutineWithPool, awaits_results_and_futures) {
    mp::Pool pool(2);
    EXPECT_EQ(mp::run(result_of(pool.apply_async(twice, 4))), 8);
    EXPECT_EQ(mp::run(result_of(pool.map_async(twice, {1, 2, 3}))), (std::vector{2, 4, 6}));
    mp::run(result_of(pool.apply_async(nothing)));
    const mp::ProcessPoolExecutor executor(1);
    const auto future = executor.submit(twice, 5);
    EXPECT_EQ(mp::run(result_of(future)), 10);
    EXPECT_EQ(mp::run(result_of(future)), 10) << "it was done already";
}

TEST(CoroutineWithPool, is_told_of_what_the_task_throws_and_of_its_death) {
    mp::Pool pool(1);
    EXPECT_THROW(mp::run(result_of(pool.apply_async(throw_it, 1))), std::runtime_error);
    EXPECT_THROW(mp::run(result_of(pool.apply_async(be_killed))), mp::WorkerDied);
}

TEST(CoroutineWithPool, waits_for_many_at_once) {
    mp::Pool pool(2);
    std::vector<mp::Task<int>> tasks;
    for (int i = 0; i < 500; ++i) tasks.push_back(result_of(pool.apply_async(twice, i)));
    const auto values = mp::run(mp::when_all(std::move(tasks)));
    for (int i = 0; i < 500; ++i) EXPECT_EQ(values[static_cast<std::size_t>(i)], 2 * i);
}

TEST(CoroutineWithPool, that_gives_up_leaves_the_result_where_it_is) {
    mp::Queue<int> queue;
    mp::Pool pool(1);
    const auto result = pool.apply_async(get_one, queue);
    EXPECT_THROW(mp::run(mp::with_timeout(result, 5ms)), mp::TimeoutError);
    const auto with_limit = [](mp::AsyncResult<int> result) -> mp::Task<int> {
        co_return co_await mp::async_get(result, 1ms);
    };
    EXPECT_THROW(mp::run(with_limit(result)), mp::TimeoutError);
    queue.put(7);
    EXPECT_EQ(mp::run(result_of(result)), 7);
}

TEST(CoroutineWithPool, is_told_when_the_pool_ends) {
    mp::Queue<int> queue;
    auto pool = std::make_unique<mp::Pool>(1);
    const auto result = pool->apply_async(get_one, queue);
    const auto end = [](std::unique_ptr<mp::Pool> pool) -> mp::Task<> {
        co_await mp::sleep_for(0s);
        pool.reset();
    };
    EXPECT_THROW(mp::run(mp::when_all(result_of(result), end(std::move(pool)))), mp::CancelledError);
    EXPECT_THROW(mp::run(result_of(result)), mp::CancelledError);
}

TEST(CoroutineWithPool, cancels_waits_at_random_moments_and_loses_no_result) {
    mp::Pool pool(1);
    std::mt19937 random(1);
    mp::run(result_of(pool.apply_async(nothing)));
    const std::size_t descriptors = test::open_descriptors().size();
    for (int i = 0; i < 2000; ++i) {
        const auto result = pool.apply_async(twice, i);
        std::stop_source stop;
        std::jthread stopper([&stop, spins = random() % 20] {
            for (std::size_t k = 0; k < spins; ++k) std::this_thread::yield();
            stop.request_stop();
        });
        try {
            EXPECT_EQ(mp::run(mp::with_stop(result, stop.get_token())), 2 * i);
        } catch (const mp::CancelledError&) {
            EXPECT_EQ(result.get(), 2 * i);
        }
    }
    EXPECT_EQ(test::open_descriptors().size(), descriptors);
}

}  // namespace
