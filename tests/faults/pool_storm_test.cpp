// SPDX-License-Identifier: Apache-2.0

// Workers are killed at every planted point, and at random, and kill themselves in every way. Each task comes
// to its result or to an error that says what its worker died of: to one of them, once; it was run once at
// most, unless it may be run again; and the pool goes on.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

#include "os/kill_point.hpp"
#include "support/child.hpp"
#include "support/killed_at.hpp"
#include "support/proc.hpp"
#include "support/storm.hpp"

#ifdef PROCESSION_KILL_POINTS

namespace {

namespace test = procession::test;

/// How often each task was begun.
using Counts = mp::RawArray<std::uint32_t>;

std::uint64_t count_and_double(Counts counts, std::uint64_t item) {
    std::atomic_ref(counts[item]).fetch_add(1);
    return 2 * item;
}

std::string count_and_write(Counts counts, std::uint64_t item) {
    std::atomic_ref(counts[item]).fetch_add(1);
    // Of every length, so that some lie in blocks.
    return std::string(item % 100 == 0 ? 5000 : item % 50, static_cast<char>('a' + item % 26));
}

void die_at_point(std::string name, int nth) {
    static std::string point;
    point = std::move(name);
    procession::os::select_kill_point(point.c_str(), nth);
}

/// Each result is right, or its worker died.
struct Verdict {
    int right = 0, died = 0;
};

template <class R, class Expected>
Verdict judge(std::vector<mp::AsyncResult<R>>& results, const Expected& expected) {
    Verdict verdict;
    for (std::size_t i = 0; i < results.size(); ++i) {
        try {
            EXPECT_EQ(results[i].get(), expected(i));
            ++verdict.right;
        } catch (const mp::WorkerDied& death) {
            EXPECT_NE(death.pid, 0);
            ++verdict.died;
        }
    }
    return verdict;
}

void expect_run_once_at_most(const Counts& counts) {
    for (std::size_t i = 0; i < counts.size(); ++i) EXPECT_LE(counts[i], 1U) << "item " << i;
}

// ---------------------------------------------------------------- at planted points

/// How many blocks of the heap are in use, once all is let go that a pool had.
std::uint64_t blocks_in_use() {
    static_cast<void>(mp::active_children());
    return test::blocks_in_use();
}

class PoolKilledAt : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        // What the first start of a process leaves is there before.
        static_cast<void>(mp::Pool(1).apply([] { return 0; }));
    }
};

TEST_P(PoolKilledAt, each_task_comes_to_one_end) {
    constexpr std::size_t count = 300;
    const std::uint64_t blocks_before = blocks_in_use();
    {
        const Counts numbers(count), texts(count), mapped(count);
        mp::PoolOptions options;
        options.initializer = mp::bind(die_at_point, GetParam(), 3);
        const mp::Pool pool(2, options);
        std::vector<mp::AsyncResult<std::uint64_t>> doubles;
        std::vector<mp::AsyncResult<std::string>> written;
        for (std::uint64_t i = 0; i < count; ++i) {
            doubles.push_back(pool.apply_async(count_and_double, numbers, i));
            written.push_back(pool.apply_async(count_and_write, texts, i));
        }
        judge(doubles, [](std::size_t i) { return 2 * i; });
        judge(written, [](std::size_t i) {
            return std::string(i % 100 == 0 ? 5000 : i % 50, static_cast<char>('a' + i % 26));
        });
        // Those that are taken at once, or from one another, are no exception.
        std::size_t came = 0;
        auto results = pool.imap(mp::bind(count_and_double, mapped),
                                 std::views::iota(std::uint64_t{0}, std::uint64_t{count}), 10);
        for (;;) {
            try {
                const auto next = results.next();
                if (!next) break;
                EXPECT_EQ(*next, 2 * came);
            } catch (const mp::WorkerDied&) {
            }
            ++came;
        }
        EXPECT_EQ(came, count);
        expect_run_once_at_most(numbers);
        expect_run_once_at_most(texts);
        expect_run_once_at_most(mapped);
        EXPECT_GT(pool.stats().died, 0U) << "the point was never reached";
    }
    // Spares of the fork server come and go meanwhile. Of what each killed worker had, nothing is left.
    EXPECT_LE(blocks_in_use(), blocks_before + 4);
}

TEST_P(PoolKilledAt, with_retries_all_come_to_their_results) {
    std::vector<std::uint64_t> items(2000), doubles(2000);
    std::iota(items.begin(), items.end(), 0);
    std::transform(items.begin(), items.end(), doubles.begin(), [](auto n) { return 2 * n; });
    mp::PoolOptions options;
    options.initializer = mp::bind(die_at_point, GetParam(), 20);
    options.max_retries = 1000;
    const Counts counts(items.size());
    const mp::Pool pool(2, options);
    EXPECT_EQ(pool.map(mp::bind(count_and_double, counts), items), doubles);
    EXPECT_EQ(pool.map(mp::bind(count_and_double, counts), items, 7), doubles);
}

INSTANTIATE_TEST_SUITE_P(Points, PoolKilledAt,
                         testing::Values("claim.intended", "claim.taken", "claim.noted", "claim.settled",
                                         "work.begun", "work.granted", "work.sent", "work.before_wake",
                                         "put.written", "put.committed", "put.counted", ""),
                         [](const auto& info) {
                             std::string name = *info.param ? info.param : "any";
                             std::replace(name.begin(), name.end(), '.', '_');
                             return name;
                         });

// ---------------------------------------------------------------- at random

int busy_for(std::chrono::microseconds time, int item) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) {
    }
    return -item;
}

TEST(PoolStorm, killed_workers_cost_their_tasks_and_no_other) {
    const mp::Pool pool(3);
    int strikes = 0;
    std::jthread killer([&](const std::stop_token& ends) {
        std::mt19937 random(7);
        while (!ends.stop_requested()) {
            const auto workers = pool.workers();
            if (!workers.empty()) {
                const auto& victim = workers[random() % workers.size()];
                static_cast<void>(::kill(victim.pid(), SIGKILL));
                ++strikes;
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(5 + random() % 30));
        }
    });
    const auto end = test::storm_end();
    int right = 0, died = 0;
    while (std::chrono::steady_clock::now() < end) {
        std::vector<mp::AsyncResult<int>> results;
        for (int i = 0; i < 2000; ++i)
            results.push_back(pool.apply_async(busy_for, std::chrono::microseconds(i % 500), i));
        const Verdict verdict = judge(results, [](std::size_t i) { return -static_cast<int>(i); });
        right += verdict.right;
        died += verdict.died;
    }
    killer.request_stop();
    killer.join();
    EXPECT_LE(died, strikes);
    EXPECT_EQ(pool.apply(busy_for, std::chrono::microseconds(0), 5), -5);
    fmt::print("{} right, {} died with their workers, {} strikes\n", right, died, strikes);
}

// ---------------------------------------------------------------- by their own hand

enum class Way { segfault, terminate, exit, raw_exit, abort };

int end_like(Way way, int item) {
    if (item % 50 != 49) return item;
    switch (way) {
        case Way::segfault:
            ::signal(SIGSEGV, SIG_DFL);  // a sanitizer would answer it
            ::raise(SIGSEGV);
            break;
        case Way::terminate: std::terminate();
        case Way::exit: mp::exit(3);
        case Way::raw_exit: ::_exit(3);
        case Way::abort: std::abort();
    }
    return 0;
}

class PoolTasksEnd : public testing::TestWithParam<std::pair<Way, int>> {};

TEST_P(PoolTasksEnd, and_only_they) {
    const auto [way, code] = GetParam();
    const mp::Pool pool(2);
    std::vector<mp::AsyncResult<int>> results;
    constexpr int count = 2000;
    for (int i = 0; i < count; ++i) results.push_back(pool.apply_async(end_like, way, i));
    for (int i = 0; i < count; ++i) {
        if (i % 50 != 49) {
            EXPECT_EQ(results[i].get(), i);
            continue;
        }
        try {
            static_cast<void>(results[i].get());
            ADD_FAILURE() << "item " << i;
        } catch (const mp::WorkerDied& death) {
            EXPECT_EQ(death.exitcode, code);
        }
    }
    EXPECT_EQ(pool.stats().died, count / 50);
}

INSTANTIATE_TEST_SUITE_P(Ways, PoolTasksEnd,
                         testing::Values(std::pair(Way::segfault, -SIGSEGV),
                                         std::pair(Way::terminate, -SIGABRT), std::pair(Way::exit, 3),
                                         std::pair(Way::raw_exit, 3), std::pair(Way::abort, -SIGABRT)));

int stop_at_nine(int item) {
    if (item % 10 == 9) ::raise(SIGSTOP);
    return item;
}

TEST(PoolStorm, stopped_workers_run_out_of_time) {
    mp::PoolOptions options;
    options.task_timeout = std::chrono::milliseconds(100);
    options.grace = std::chrono::milliseconds(20);
    const mp::Pool pool(2, options);
    std::vector<mp::AsyncResult<int>> results;
    for (int i = 0; i < 50; ++i) results.push_back(pool.apply_async(stop_at_nine, i));
    for (int i = 0; i < 50; ++i) {
        if (i % 10 == 9)
            EXPECT_THROW(static_cast<void>(results[i].get()), mp::TimeoutError) << i;
        else
            EXPECT_EQ(results[i].get(), i);
    }
}

// ---------------------------------------------------------------- the pool's process

int report_pid(mp::Queue<int> pids, int item) {
    pids.put(::getpid());
    return item;
}

TEST(PoolStorm, a_killed_parent_leaves_no_worker) {
    std::mt19937 random(11);
    for (int round = 0; round < 10; ++round) {
        const mp::Queue<int> pids;
        const pid_t parent = test::fork_to([&] {
            const mp::Pool pool(4);
            for (;;)
                static_cast<void>(pool.map(mp::bind(report_pid, pids), std::views::iota(0, 100), 1));
        });
        std::vector<int> workers;
        for (std::size_t count = 20 + random() % 500; workers.size() < count;)
            workers.push_back(pids.get());
        ::kill(parent, SIGKILL);
        EXPECT_EQ(test::end_of(parent), -SIGKILL);
        std::sort(workers.begin(), workers.end());
        workers.erase(std::unique(workers.begin(), workers.end()), workers.end());
        for (const int worker : workers)
            while (const auto entry = test::process_entry(worker)) {
                if (entry->state == 'Z') break;
                std::this_thread::yield();
            }
    }
}

}  // namespace

#endif
