// SPDX-License-Identifier: Apache-2.0

// What pools and tasks can be told, and what pools tell of themselves.

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "support/expect.hpp"
#include "support/start_methods.hpp"
#include "support/thrown.hpp"
#include "support/waiting.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;
using Clock = std::chrono::steady_clock;

class PoolOptions : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, PoolOptions, all_start_methods(), name_of_parameter);

int square(int x) { return x * x; }
void run_for_ever() {
    for (;;) ::pause();
}
void wait_for(mp::Event go) { go.wait(); }

TEST_P(PoolOptions, task_that_runs_longer_than_its_limit_is_ended) {
    const mp::Pool pool(2);
    const auto begin = Clock::now();
    const auto late = pool.apply_async(mp::TaskOptions{.timeout = 100ms}, run_for_ever);
    const auto other = pool.apply_async(mp::TaskOptions{.timeout = 1h}, square, 3);
    expect_parts(thrown<mp::TimeoutError>([&] { late.get(); }),
                 {"Pool", "run_for_ever", "time limit", "0.1 s"});
    EXPECT_GE(Clock::now() - begin, 100ms);
    EXPECT_EQ(other.get(), 9);
    EXPECT_EQ(pool.apply(square, 4), 16);
    EXPECT_EQ(pool.stats().failed, 1U);
    EXPECT_EQ(pool.stats().died, 0U);
}

TEST_P(PoolOptions, time_limit_of_a_pool_is_each_task_s_from_when_it_begins) {
    const mp::Pool pool(1, {.task_timeout = 2s});
    // Together they take longer.
    const auto slow = [](int n) {
        std::this_thread::sleep_for(500ms);
        return n;
    };
    EXPECT_EQ(pool.map(slow, {1, 2, 3, 4, 5}), (std::vector{1, 2, 3, 4, 5}));
    EXPECT_THROW(pool.apply(run_for_ever), mp::TimeoutError);
}

void ignore_sigterm_for_ever() {
    ::signal(SIGTERM, SIG_IGN);
    run_for_ever();
}
TEST_P(PoolOptions, task_that_ignores_its_signal_is_killed) {
    const mp::Pool pool(1, {.grace = 10ms});
    EXPECT_THROW(pool.apply(mp::TaskOptions{.timeout = 50ms}, ignore_sigterm_for_ever),
                 mp::TimeoutError);
    const auto result = pool.apply_async(ignore_sigterm_for_ever);
    wait_until([&] { return pool.stats().running == 1; });
    pool.terminate();
    EXPECT_TRUE(pool.join());
}

void note_if_stopped(std::stop_token stop, mp::Event stopped) {
    wait_until([&] { return stop.stop_requested(); });
    stopped.set();
}
TEST_P(PoolOptions, task_past_its_limit_is_asked_to_stop_first) {
    const mp::Pool pool(1, {.grace = 1h});
    const mp::Event stopped;
    const auto result = pool.apply_async(mp::TaskOptions{.timeout = 50ms}, note_if_stopped, stopped);
    static_cast<void>(result.wait());
    EXPECT_TRUE(stopped.is_set());
}

int die_at_first(mp::Value<int> runs, int deaths) {
    const int run = runs.fetch_add(1) + 1;
    if (run <= deaths) ::raise(SIGKILL);
    return run;
}
TEST_P(PoolOptions, task_whose_worker_died_is_run_again_so_often_as_it_may) {
    const mp::Pool pool(1, {.max_retries = 2});
    const mp::Value<int> lucky(0), poison(0), single(0);
    EXPECT_EQ(pool.apply(die_at_first, lucky, 2), 3);
    EXPECT_EQ(pool.stats().retried, 2U);
    expect_parts(
        thrown<mp::WorkerDied>([&] { static_cast<void>(pool.apply(die_at_first, poison, 100)); }),
        {"die_at_first", "SIGKILL", "3 workers", "poison"});
    EXPECT_EQ(poison.get(), 3);
    EXPECT_THROW(
        static_cast<void>(pool.apply(mp::TaskOptions{.max_retries = 0}, die_at_first, single, 1)),
        mp::WorkerDied);
    EXPECT_EQ(single.get(), 1);
}

void note(mp::Queue<int> order, int number) { order.put(number); }
TEST_P(PoolOptions, urgent_tasks_come_before_the_others) {
    const mp::Pool pool(1);
    const mp::Event go;
    const mp::Queue<int> order;
    const auto blocker = pool.apply_async(wait_for, go);
    wait_until([&] { return pool.stats().running == 1; });
    std::vector<mp::AsyncResult<void>> results;
    for (const int priority : {-1, 0, 1, -1, 0, 1})
        results.push_back(
            pool.apply_async(mp::TaskOptions{.priority = priority}, note, order, priority));
    go.set();
    for (const auto& result : results) result.get();
    EXPECT_EQ(order.get_many(6), (std::vector{1, 1, 0, 0, -1, -1}));
}

TEST_P(PoolOptions, options_without_a_number_are_for_a_worker_per_processor) {
    const mp::Pool pool(mp::PoolOptions{.maxtasksperchild = 1});
    EXPECT_EQ(pool.workers().size(), static_cast<std::size_t>(mp::cpu_count()));
}

TEST_P(PoolOptions, start_method_is_the_pool_s) {
    mp::set_start_method(mp::StartMethod::forkserver, true);
    const mp::Pool pool(1, {.start_method = GetParam()});
    const bool is_own_child = pool.apply([] { return ::getppid(); }) == ::getpid();
    EXPECT_EQ(is_own_child, GetParam() != mp::StartMethod::forkserver);
}

int open_files_limit() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return static_cast<int>(limit.rlim_cur);
}
TEST_P(PoolOptions, limits_are_each_worker_s) {
    const mp::Pool pool(1, {.limits = {.open_files = 100}});
    EXPECT_EQ(pool.apply(open_files_limit), 100);
}

TEST_P(PoolOptions, progress_is_told_of_a_map) {
    std::vector<mp::Progress> told;
    {
        const mp::Pool pool(2, {.progress = [&](mp::Progress progress) { told.push_back(progress); }});
        static_cast<void>(pool.map(square, std::vector<int>(100, 2), 10));
    }
    ASSERT_FALSE(told.empty());
    EXPECT_EQ(told.back().done, 100U);
    EXPECT_EQ(told.back().total, 100U);
    EXPECT_TRUE(std::is_sorted(told.begin(), told.end(),
                               [](const auto& a, const auto& b) { return a.done < b.done; }));
}

TEST_P(PoolOptions, stats_tell_of_this_moment) {
    const mp::Pool pool(1);
    const mp::Event go;
    EXPECT_EQ(pool.apply(square, 2), 4);
    const auto running = pool.apply_async(wait_for, go);
    const auto first = pool.apply_async(square, 3), second = pool.apply_async(square, 4);
    wait_until([&] { return pool.stats().running == 1; });
    const mp::PoolStats stats = pool.stats();
    EXPECT_EQ(stats.queued, 2U);
    EXPECT_EQ(stats.running, 1U);
    EXPECT_EQ(stats.done, 1U);
    EXPECT_EQ(stats.failed, 0U);
    ASSERT_EQ(stats.workers.size(), 1U);
    const mp::WorkerStats& worker = stats.workers[0];
    EXPECT_EQ(worker.name, "PoolWorker-1");
    EXPECT_EQ(worker.pid, pool.workers()[0].pid());
    EXPECT_NE(worker.task.find("wait_for"), std::string::npos) << worker.task;
    EXPECT_EQ(worker.done, 1U);
    EXPECT_GT(worker.resident, 0U);
    EXPECT_GT(worker.running, 0ns);
    go.set();
    running.get();
    EXPECT_EQ(first.get() + second.get(), 25);
    EXPECT_EQ(pool.stats().done, 4U);
    EXPECT_EQ(pool.stats().queued, 0U);
}

TEST_P(PoolOptions, resize_starts_workers_and_ends_them) {
    const mp::Pool pool(1);
    pool.resize(3);
    wait_until([&] { return pool.workers().size() == 3; });
    EXPECT_EQ(pool.map(square, {1, 2, 3}), (std::vector{1, 4, 9}));
    pool.resize(1);
    wait_until([&] { return pool.workers().size() == 1; });
    EXPECT_EQ(pool.map(square, {1, 2, 3}), (std::vector{1, 4, 9}));
    pool.resize(2);
    wait_until([&] { return pool.workers().size() == 2; });
    EXPECT_EQ(pool.stats().died, 0U);
    for (const int size : {0, -1})
        expect_parts(thrown<mp::ValueError>([&] { pool.resize(size); }), {"Pool", "1 or more"});
}

TEST_P(PoolOptions, worker_that_is_one_too_many_ends_after_its_task) {
    const mp::Pool pool(2);
    const mp::Event go;
    const auto first = pool.apply_async(wait_for, go), second = pool.apply_async(wait_for, go);
    wait_until([&] { return pool.stats().running == 2; });
    pool.resize(1);
    EXPECT_EQ(pool.workers().size(), 2U);
    go.set();
    first.get();
    second.get();
    wait_until([&] { return pool.workers().size() == 1; });
}

}  // namespace
