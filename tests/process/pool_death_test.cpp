// SPDX-License-Identifier: Apache-2.0

// Workers that die, and that cannot begin: what their tasks' callers are told, and what the others do.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <cstdlib>
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

class PoolDeath : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, PoolDeath, all_start_methods(), name_of_parameter);

int square(int x) { return x * x; }
int pid_of_worker() { return ::getpid(); }
int kill_itself(int signal) { return ::raise(signal); }
int end_with(int status) { ::_exit(status); }
int exit_with_status(int status) { mp::exit(status); }
void terminate_in_task() { std::terminate(); }
void throw_into_noexcept() noexcept { static_cast<void>(std::vector<int>().at(0)); }
int die_at_three(int x) {
    if (x == 3) ::raise(SIGKILL);
    return x;
}
void wait_for(mp::Event go) { go.wait(); }

template <class F, class... A>
mp::WorkerDied death_of(const mp::Pool& pool, F function, A... arguments) {
    try {
        static_cast<void>(pool.apply_async(function, arguments...).get());
    } catch (const mp::WorkerDied& died) {
        return died;
    }
    ADD_FAILURE() << "nothing was thrown";
    return {"", 0, {}, ""};
}

TEST_P(PoolDeath, is_told_with_pid_code_and_task) {
    const mp::Pool pool(1);
    const int pid = pool.workers()[0].pid();
    const mp::WorkerDied killed = death_of(pool, kill_itself, SIGKILL);
    EXPECT_EQ(killed.pid, pid);
    EXPECT_EQ(killed.exitcode, -SIGKILL);
    EXPECT_NE(killed.task.find("kill_itself"), std::string::npos) << killed.task;
    expect_parts(killed.what(),
                 {"Pool", "PoolWorker-1", std::to_string(pid).c_str(), "SIGKILL", "kill_itself"});

    const mp::WorkerDied ended = death_of(pool, end_with, 5);
    EXPECT_NE(ended.pid, pid);
    EXPECT_EQ(ended.exitcode, 5);
    expect_parts(ended.what(), {"PoolWorker-2", "exit code 5", "end_with"});

    EXPECT_EQ(death_of(pool, end_with, 0).exitcode, 0);
    EXPECT_EQ(death_of(pool, exit_with_status, 7).exitcode, 7);
    EXPECT_EQ(death_of(pool, exit_with_status, 0).exitcode, 0);
    EXPECT_EQ(death_of(pool, kill_itself, SIGTERM).exitcode, -SIGTERM);
    EXPECT_EQ(pool.apply(square, 3), 9);
    const mp::PoolStats stats = pool.stats();
    EXPECT_EQ(stats.died, 6U);
    EXPECT_EQ(stats.failed, 6U);
    EXPECT_EQ(stats.done, 7U);
}

TEST_P(PoolDeath, by_std_terminate_is_one_by_SIGABRT) {
    const mp::Pool pool(1);
    EXPECT_EQ(death_of(pool, terminate_in_task).exitcode, -SIGABRT);
    EXPECT_EQ(death_of(pool, throw_into_noexcept).exitcode, -SIGABRT);
    EXPECT_EQ(pool.apply(square, 3), 9);
}

TEST_P(PoolDeath, of_one_task_leaves_the_others_alone) {
    const mp::Pool pool(3);
    std::vector<mp::AsyncResult<int>> results;
    for (int n = 0; n < 20; ++n) results.push_back(pool.apply_async(die_at_three, n));
    for (int n = 0; n < 20; ++n) {
        if (n == 3)
            EXPECT_THROW(static_cast<void>(results[n].get()), mp::WorkerDied);
        else
            EXPECT_EQ(results[n].get(), n);
    }
}

TEST_P(PoolDeath, of_one_item_is_the_map_s_error_or_the_step_s) {
    const mp::Pool pool(2);
    const std::vector numbers{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    for (const std::size_t chunksize : {0, 1, 4, 10}) {
        expect_parts(thrown<mp::WorkerDied>(
                         [&] { static_cast<void>(pool.map(die_at_three, numbers, chunksize)); }),
                     {"die_at_three", "item 3"});
        auto results = pool.imap(die_at_three, numbers, std::max<std::size_t>(chunksize, 1));
        for (const int n : numbers) {
            if (n == 3)
                EXPECT_THROW(static_cast<void>(results.next()), mp::WorkerDied);
            else
                EXPECT_EQ(results.next(), n);
        }
        EXPECT_EQ(results.next(), std::nullopt);
    }
}

TEST_P(PoolDeath, does_not_come_of_an_interrupt_from_the_keyboard) {
    const mp::Pool pool(1);
    const int pid = pool.apply(pid_of_worker);
    ::kill(pid, SIGINT);
    EXPECT_EQ(pool.apply(pid_of_worker), pid);
    EXPECT_EQ(pool.stats().died, 0U);
}

TEST_P(PoolDeath, of_idle_workers_costs_no_task) {
    const mp::Pool pool(2);
    for (int round = 0; round < 3; ++round) {
        std::set<int> pids;
        for (const mp::ProcessHandle& worker : pool.workers()) {
            pids.insert(worker.pid());
            worker.kill();
        }
        EXPECT_EQ(pool.map(square, {1, 2, 3}), (std::vector{1, 4, 9}));
        wait_until([&] {
            const auto workers = pool.workers();
            return workers.size() == 2 &&
                   std::none_of(workers.begin(), workers.end(),
                                [&](const auto& worker) { return pids.contains(worker.pid()); });
        });
    }
}

void hold(mp::Lock lock) {
    lock.lock();
    ::raise(SIGKILL);
}
TEST_P(PoolDeath, with_a_lock_held_is_told_to_who_locks_it_next) {
    const mp::Pool pool(1);
    const mp::Lock lock;
    EXPECT_THROW(pool.apply(hold, lock), mp::WorkerDied);
    EXPECT_THROW(lock.lock(), mp::OwnerDied);
    lock.release();
}

void fail_to_begin(std::string why) { throw std::runtime_error(why); }
TEST_P(PoolDeath, initializer_that_throws_is_every_task_s_error) {
    const mp::Pool pool(2, {.initializer = mp::bind(fail_to_begin, "cannot begin")});
    const auto error = [&] { return thrown<std::runtime_error>([&] { pool.apply(square, 1); }); };
    EXPECT_NE(error().find("cannot begin"), std::string::npos);
    EXPECT_NE(error().find("cannot begin"), std::string::npos);
    EXPECT_THROW(static_cast<void>(pool.map(square, {1, 2})), std::runtime_error);
    pool.close();
    EXPECT_TRUE(pool.join());
}

void die_at_start() { ::raise(SIGKILL); }
void exit_at_start() { mp::exit(3); }
TEST_P(PoolDeath, at_every_start_is_every_task_s_error) {
    {
        const mp::Pool pool(2, {.initializer = die_at_start});
        const mp::WorkerDied died = death_of(pool, square, 1);
        EXPECT_EQ(died.exitcode, -SIGKILL);
        expect_parts(died.what(), {"Pool", "before it began", "SIGKILL", "initializer"});
        EXPECT_THROW(static_cast<void>(pool.apply(square, 1)), mp::WorkerDied);
        pool.close();
        EXPECT_TRUE(pool.join());
    }
    const mp::Pool pool(1, {.initializer = exit_at_start});
    EXPECT_EQ(death_of(pool, square, 1).exitcode, 3);
}

void die_once_at_start(mp::Value<int> starts) {
    if (starts.fetch_add(1) == 0) ::raise(SIGKILL);
}
TEST_P(PoolDeath, at_one_start_is_made_up_for_by_the_next) {
    const mp::Value<int> starts(0);
    const mp::Pool pool(1, {.initializer = mp::bind(die_once_at_start, starts)});
    EXPECT_EQ(pool.apply(square, 3), 9);
    EXPECT_EQ(starts.get(), 2);
}

TEST_P(PoolDeath, of_a_worker_does_not_keep_close_and_join_from_ending) {
    const mp::Pool pool(2);
    const auto results = pool.map_async(die_at_three, std::vector{1, 2, 3, 4, 3, 3, 5}, 1);
    pool.close();
    EXPECT_TRUE(pool.join());
    EXPECT_THROW(static_cast<void>(results.get(0s)), mp::WorkerDied);
}

void own_a_pool(mp::Queue<int> pids) {
    const mp::Pool pool(2);
    for (const mp::ProcessHandle& worker : pool.workers()) pids.put(worker.pid());
    static_cast<void>(pool.apply_async(wait_for, mp::Event()));
    ::raise(SIGKILL);
}
TEST_P(PoolDeath, of_the_pool_s_process_is_the_end_of_its_workers) {
    const mp::Queue<int> pids;
    mp::Process owner(own_a_pool, pids);
    owner.start();
    owner.join();
    EXPECT_EQ(owner.exitcode(), -SIGKILL);
    for (const int pid : pids.get_many(2)) wait_until([&] { return ::kill(pid, 0) != 0; });
}

}  // namespace
