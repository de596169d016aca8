// SPDX-License-Identifier: Apache-2.0

// How pools begin, renew their workers and end.

#include <gtest/gtest.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "support/expect.hpp"
#include "support/start_methods.hpp"
#include "support/targets.hpp"
#include "support/thrown.hpp"
#include "support/waiting.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;

class PoolLife : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, PoolLife, all_start_methods(), name_of_parameter);

int square(int x) { return x * x; }
int times(int a, int b) { return a * b; }
int pid_of_worker() { return ::getpid(); }
int square_slowly(int x) {
    std::this_thread::sleep_for(50ms);
    return x * x;
}
int sleep_long(int x) {
    std::this_thread::sleep_for(300s);
    return x;
}
std::set<int> pids_of(const mp::Pool& pool) {
    std::set<int> pids;
    for (const mp::ProcessHandle& worker : pool.workers()) pids.insert(worker.pid());
    return pids;
}

// conformance: pool.size_checked
TEST_P(PoolLife, pool_has_as_many_workers_as_it_is_told_and_at_least_one) {
    for (const int size : {-1, 0})
        expect_parts(thrown<mp::ValueError>([&] { const mp::Pool pool(size); }),
                     {"Pool", std::to_string(size).c_str(), "must be 1 or more"});
    const mp::Pool pool(3);
    EXPECT_EQ(pids_of(pool).size(), 3U);
    std::set<std::string> names;
    for (const mp::ProcessHandle& worker : pool.workers()) names.insert(worker.name());
    EXPECT_EQ(names, (std::set<std::string>{"PoolWorker-1", "PoolWorker-2", "PoolWorker-3"}));
}

// conformance: pool.terminate
TEST_P(PoolLife, terminate_ends_what_runs_and_cancels_what_waits) {
    const mp::Pool pool(3);
    const auto result = pool.map_async(sleep_long, std::vector<int>(10'000), 1);
    wait_until([&] { return pool.stats().running == 3; });
    pool.terminate();
    EXPECT_TRUE(pool.join());
    EXPECT_TRUE(pool.workers().empty());
    EXPECT_THROW(static_cast<void>(result.get()), mp::CancelledError);
}

// conformance: pool.scope
TEST_P(PoolLife, scope_terminates_the_pool_at_its_end) {
    std::optional<mp::AsyncResult<int>> pending;
    std::vector<mp::ProcessHandle> workers;
    {
        const mp::Pool pool(2);
        EXPECT_EQ(pool.map_async(square, {1, 2, 3}).get(), (std::vector{1, 4, 9}));
        pending = pool.apply_async(sleep_long, 1);
        workers = pool.workers();
    }
    for (const mp::ProcessHandle& worker : workers) EXPECT_FALSE(worker.is_alive());
    EXPECT_THROW(static_cast<void>(pending->get()), mp::CancelledError);

    const mp::Pool pool(2);
    pool.terminate();
    EXPECT_TRUE(pool.join());
    EXPECT_THROW(static_cast<void>(pool.map_async(square, {1})), mp::ValueError);
}

void expect_useless(const mp::Pool& pool) {
    const std::vector numbers{1, 2};
    const std::vector pairs{std::pair(1, 2)};
    EXPECT_THROW(static_cast<void>(pool.apply(square, 1)), mp::ValueError);
    EXPECT_THROW(static_cast<void>(pool.apply_async(square, 1)), mp::ValueError);
    EXPECT_THROW(static_cast<void>(pool.map(square, numbers)), mp::ValueError);
    EXPECT_THROW(static_cast<void>(pool.map_async(square, numbers)), mp::ValueError);
    EXPECT_THROW(static_cast<void>(pool.starmap(times, pairs)), mp::ValueError);
    EXPECT_THROW(static_cast<void>(pool.starmap_async(times, pairs)), mp::ValueError);
    EXPECT_THROW(static_cast<void>(pool.imap(square, numbers)), mp::ValueError);
    EXPECT_THROW(static_cast<void>(pool.imap_unordered(square, numbers)), mp::ValueError);
    EXPECT_THROW(pool.resize(3), mp::ValueError);
}
// conformance: pool.enter_after_terminate
TEST_P(PoolLife, pool_is_of_no_use_after_its_end) {
    const mp::Pool terminated(2);
    terminated.terminate();
    expect_useless(terminated);
    expect_parts(thrown<mp::ValueError>([&] { terminated.apply(square, 1); }),
                 {"Pool", "terminated", "nothing can be submitted"});
    EXPECT_TRUE(terminated.join());
    expect_useless(terminated);

    const mp::Pool closed(2);
    closed.close();
    expect_useless(closed);
    expect_parts(thrown<mp::ValueError>([&] { closed.apply(square, 1); }), {"Pool", "closed"});
    EXPECT_TRUE(closed.join());
}

TEST_P(PoolLife, close_has_what_was_submitted_finished) {
    const mp::Pool pool(2);
    std::vector<mp::AsyncResult<int>> results;
    for (int n = 0; n < 6; ++n) results.push_back(pool.apply_async(square_slowly, n));
    pool.close();
    EXPECT_TRUE(pool.join());
    EXPECT_TRUE(pool.workers().empty());
    for (int n = 0; n < 6; ++n) EXPECT_EQ(results[n].get(0s), n * n);
    pool.close();
    pool.terminate();
    EXPECT_TRUE(pool.join());
}

TEST_P(PoolLife, join_wants_the_pool_closed_and_can_be_limited) {
    const mp::Pool pool(1);
    expect_parts(thrown<mp::ValueError>([&] { pool.join(); }), {"Pool::join", "running", "close()"});
    const auto result = pool.apply_async(sleep_long, 1);
    pool.close();
    EXPECT_FALSE(pool.join(10ms));
    std::stop_source stop;
    stop.request_stop();
    EXPECT_THROW(pool.join(stop.get_token()), mp::CancelledError);
    pool.terminate();
    EXPECT_TRUE(pool.join());
}

// conformance: pool.maxtasksperchild
TEST_P(PoolLife, workers_are_renewed_after_so_many_tasks) {
    const mp::Pool pool(3, {.maxtasksperchild = 10});
    const std::set<int> before = pids_of(pool);
    EXPECT_EQ(before.size(), 3U);
    std::vector<mp::AsyncResult<int>> results;
    for (int n = 0; n < 100; ++n) results.push_back(pool.apply_async(square, n));
    for (int n = 0; n < 100; ++n) EXPECT_EQ(results[n].get(), n * n);
    wait_until([&] {
        const std::set<int> after = pids_of(pool);
        return after.size() == 3 && after != before;
    });
}

TEST_P(PoolLife, no_worker_does_more_tasks_than_it_may) {
    const mp::Pool pool(2, {.maxtasksperchild = 3});
    std::map<int, int> tasks;
    std::vector<mp::AsyncResult<int>> results;
    for (int n = 0; n < 20; ++n) results.push_back(pool.apply_async(pid_of_worker));
    for (const auto& result : results) ++tasks[result.get()];
    // Each item of a map is one.
    for (const int pid : pool.map([](int) { return ::getpid(); }, std::vector<int>(20), 5)) ++tasks[pid];
    for (const auto& [pid, count] : tasks) EXPECT_LE(count, 3) << pid;
}

// conformance: pool.maxtasksperchild_early_close
TEST_P(PoolLife, workers_are_renewed_for_what_is_left_when_the_pool_is_closed) {
    const mp::Pool pool(3, {.maxtasksperchild = 1});
    std::vector<mp::AsyncResult<int>> results;
    for (int n = 0; n < 6; ++n) results.push_back(pool.apply_async(square_slowly, n));
    pool.close();
    EXPECT_TRUE(pool.join());
    for (int n = 0; n < 6; ++n) EXPECT_EQ(results[n].get(0s), n * n);
}

// conformance: pool.maxtasksperchild_invalid
TEST_P(PoolLife, maxtasksperchild_of_zero_is_no_limit) {
    const mp::Pool pool(1, {.maxtasksperchild = 0});
    const int pid = pool.apply(pid_of_worker);
    for (int n = 0; n < 20; ++n) EXPECT_EQ(pool.apply(pid_of_worker), pid);
}

void count_up(mp::Value<int> counter, int by) { counter.fetch_add(by); }
// conformance: pool.initializer
TEST_P(PoolLife, initializer_is_called_once_by_each_worker) {
    static_assert(!std::is_constructible_v<mp::Function<void()>, int>);
    const mp::Value<int> counter(0);
    const mp::Pool pool(1, {.initializer = mp::bind(count_up, counter, 1)});
    EXPECT_EQ(pool.map(square, {1, 2}), (std::vector{1, 4}));
    pool.close();
    EXPECT_TRUE(pool.join());
    EXPECT_EQ(counter.get(), 1);
}

void run_a_pool(mp::Queue<int> out) {
    const mp::Pool pool(4);
    out.put_many(pool.map(square, std::vector{1, 2, 3, 4, 5, 6, 7}));
    pool.close();
    pool.join();
}
// conformance: pool.in_child
TEST_P(PoolLife, child_can_have_a_pool) {
    const mp::Queue<int> out;
    run(run_a_pool, out);
    EXPECT_EQ(out.get_many(7), (std::vector{1, 4, 9, 16, 25, 36, 49}));
}

TEST_P(PoolLife, pool_can_be_moved) {
    mp::Pool first(1);
    const auto workers = first.workers();
    mp::Pool second(std::move(first));
    EXPECT_EQ(second.apply(pid_of_worker), workers[0].pid());
    second = mp::Pool(1);
    EXPECT_FALSE(workers[0].is_alive());
    EXPECT_EQ(second.apply(square, 3), 9);
}

std::optional<mp::Pool> inherited;
TEST_P(PoolLife, forked_child_leaves_its_parent_s_pool_alone) {
    inherited.emplace(1);
    const auto pending = inherited->apply_async(square_slowly, 3);
    run(nothing);
    EXPECT_EQ(pending.get(), 9);
    EXPECT_EQ(inherited->apply(square, 3), 9);
    inherited.reset();
}

/// Cannot be given to a fourth worker, as if the system had no more processes.
class ForThree {
  public:
    ForThree() = default;
    ForThree(const ForThree&) {
        if (mp::active_children().size() == 3)
            throw std::system_error(EAGAIN, std::generic_category(), "no fourth");
    }
    void operator()() const {}
    template <class Archive>
    void serialize(Archive& archive) {
        archive(state_);
    }

  private:
    int state_ = 0;
};
// conformance: pool.no_leak_on_failed_start
TEST_P(PoolLife, start_that_fails_leaves_no_worker_behind) {
    expect_parts(refused(EAGAIN, [] { const mp::Pool pool(5, {.initializer = ForThree()}); }),
                 {"no fourth"});
    EXPECT_TRUE(mp::active_children().empty());
    EXPECT_EQ(mp::Pool(3, {.initializer = ForThree()}).apply(square, 2), 4);
}

}  // namespace
