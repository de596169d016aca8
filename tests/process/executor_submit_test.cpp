// SPDX-License-Identifier: Apache-2.0

// Tasks of an executor one by one, and which workers do them.

#include <gtest/gtest.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <atomic>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/start_methods.hpp"
#include "support/tasks.hpp"
#include "support/thrown.hpp"
#include "support/waiting.hpp"

namespace {

using namespace procession::test;

class Submit : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, Submit, all_start_methods(), name_of_parameter);

int power(int base, int exponent) {
    int result = 1;
    for (int i = 0; i < exponent; ++i) result *= base;
    return result;
}
int own_pid() { return ::getpid(); }

// conformance: executor.submit
TEST_P(Submit, gives_a_future_of_the_result) {
    const mp::ProcessPoolExecutor executor(1);
    EXPECT_EQ(executor.submit(power, 2, 8).result(), 256);
    EXPECT_EQ(executor.submit(mp::bind(power, 2), 8).result(), 256);
}

// conformance: executor.max_workers_checked
TEST(Submit, needs_a_worker_at_least) {
    for (const int none : {0, -1}) {
        const std::string text =
            thrown<mp::ValueError>([&] { const mp::ProcessPoolExecutor executor(none); });
        EXPECT_NE(text.find("ProcessPoolExecutor"), text.npos) << text;
        EXPECT_NE(text.find("must be 1 or more"), text.npos) << text;
    }
}

/// How many of its objects there are in this process.
struct Counted {
    static inline std::atomic<int> count = 0;
    Counted() { ++count; }
    Counted(const Counted&) : Counted() {}
    ~Counted() { --count; }
    int operator()() const { return 42; }
    template <class A>
    void serialize(A&) {}
};

// conformance: executor.no_stale_references
TEST_P(Submit, keeps_no_object_that_was_submitted) {
    const mp::ProcessPoolExecutor executor(1);
    {
        const Counted task;
        static_cast<void>(executor.submit(task));
        static_cast<void>(executor.submit([](const Counted& each) { return each(); }, task));
    }
    wait_until([] { return Counted::count == 0; });
    EXPECT_EQ(executor.submit(answer).result(), 42);
}

/// Says so when the last of its copies in a worker is gone.
struct Noted {
    mp::Event gone;
    int maker = ::getpid();
    static inline int count = 0;
    Noted() { ++count; }
    Noted(const Noted& other) : gone(other.gone), maker(other.maker) { ++count; }
    ~Noted() {
        if (--count == 0 && ::getpid() != maker) gone.set();
    }
    template <class A>
    void serialize(A& archive) {
        archive(gone, maker);
    }
};
bool is_gone(const Noted& noted) { return noted.gone.is_set(); }

// conformance: executor.worker_frees_arguments
TEST_P(Submit, arguments_go_when_their_task_is_done) {
    const mp::ProcessPoolExecutor executor(1);
    // A worker that is forked while there are some would count them.
    static_cast<void>(executor.submit(answer).result());
    const Noted noted;
    EXPECT_FALSE(executor.submit(is_gone, noted).result());
    noted.gone.wait();
}

// ---------------------------------------------------------------- workers

int take_one(const mp::Semaphore& semaphore) {
    semaphore.acquire();
    return ::getpid();
}

// conformance: executor.saturation
TEST_P(Submit, starts_no_more_workers_than_were_asked_for) {
    const mp::ProcessPoolExecutor executor(5);
    const mp::Semaphore semaphore(0);
    std::vector<mp::Future<int>> futures;
    for (int i = 0; i < 75; ++i) futures.push_back(executor.submit(take_one, semaphore));
    static_cast<void>(workers_of(executor, 5));
    for (int i = 0; i < 75; ++i) semaphore.release();
    std::set<int> pids;
    for (const auto& each : futures) pids.insert(each.result());
    EXPECT_LE(pids.size(), 5U);
    EXPECT_EQ(executor.workers().size(), 5U);
}

// conformance: executor.idle_reuse_one
TEST_P(Submit, has_an_idle_worker_do_the_next_task) {
    const mp::ProcessPoolExecutor executor(5);
    std::set<int> pids;
    for (int i = 0; i < 3; ++i) pids.insert(executor.submit(own_pid).result());
    EXPECT_EQ(pids, std::set{workers_of(executor, 1)[0].pid()});
}

// conformance: executor.idle_reuse_multiple
TEST_P(Submit, starts_no_more_workers_than_there_are_tasks) {
    const mp::ProcessPoolExecutor executor(5);
    std::vector<mp::Future<int>> futures;
    std::set<int> pids;
    for (int i = 0; i < 6; ++i) {
        futures.push_back(executor.submit(own_pid));
        if (i % 2 == 0) static_cast<void>(futures.back().result());
    }
    for (const auto& each : futures) pids.insert(each.result());
    EXPECT_LE(pids.size(), 3U);
    EXPECT_LE(executor.workers().size(), 3U);
}

// conformance: executor.max_tasks_per_child
TEST_P(Submit, has_another_worker_after_so_many_tasks) {
    const mp::ProcessPoolExecutor executor(1, {.maxtasksperchild = 3});
    std::vector<int> pids;
    for (int i = 0; i < 4; ++i) {
        pids.push_back(executor.submit(own_pid).result());
        EXPECT_LE(executor.workers().size(), 1U);
    }
    EXPECT_EQ(pids[1], pids[0]);
    EXPECT_EQ(pids[2], pids[0]);
    EXPECT_NE(pids[3], pids[0]);
}

// conformance: executor.max_tasks_early_shutdown
TEST_P(Submit, workers_that_may_do_one_task_do_all_after_shutdown) {
    const mp::ProcessPoolExecutor executor(3, {.maxtasksperchild = 1});
    std::vector<mp::Future<int>> futures;
    for (int i = 0; i < 6; ++i) futures.push_back(executor.submit(power, i, 2));
    executor.shutdown();
    for (int i = 0; i < 6; ++i) EXPECT_EQ(futures[i].result(), i * i);
}

// conformance: executor.wakeup_pipe_full
TEST_P(Submit, never_waits_for_a_worker) {
    const mp::ProcessPoolExecutor executor(1);
    const HeldTask held(executor);
    std::vector<mp::Future<int>> futures;
    for (int i = 0; i < 100'000; ++i) futures.push_back(executor.submit(power, i, 1));
    held.let_go();
    for (int i = 0; i < 100'000; ++i) ASSERT_EQ(futures[i].result(), i);
}

}  // namespace
