// SPDX-License-Identifier: Apache-2.0

// Pools in the workers of pools.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <ranges>
#include <string>

#include "support/proc.hpp"
#include "support/start_methods.hpp"
#include "support/waiting.hpp"

namespace {

using namespace procession::test;

class NestedPools : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, NestedPools, all_start_methods(), name_of_parameter);

int square(int x) { return x * x; }
bool is_gone(int pid) {
    const auto entry = process_entry(pid);
    return !entry || entry->state == 'Z';
}

int sum_of_squares(mp::StartMethod method, int count) {
    const mp::Pool inner(2, {.start_method = method});
    int sum = 0;
    for (int n = 0; n < count; ++n) sum += inner.apply(square, n);
    for (const int each : inner.map(square, std::views::iota(0, count))) sum += each;
    return sum / 2;
}
TEST_P(NestedPools, work_whatever_the_two_methods_are) {
    const mp::Pool outer(2);
    for (const mp::StartMethod method : mp::get_all_start_methods()) {
        const auto first = outer.apply_async(sum_of_squares, method, 4);
        const auto second = outer.apply_async(sum_of_squares, method, 10);
        EXPECT_EQ(first.get(), 14) << name_of(method);
        EXPECT_EQ(second.get(), 285) << name_of(method);
    }
}

int sum_of_sums(int count) {
    const mp::Pool inner(1);
    return inner.apply(sum_of_squares, mp::get_start_method(), count);
}
TEST_P(NestedPools, are_nested_again) { EXPECT_EQ(mp::Pool(1).apply(sum_of_sums, 4), 14); }

int processors() { return mp::cpu_count(); }
int processors_in_a_pool_of(int workers) { return mp::Pool(workers).apply(processors); }
TEST_P(NestedPools, share_the_processors) {
    for (const int workers : {1, 2, 3})
        EXPECT_EQ(processors_in_a_pool_of(workers), std::max(1, mp::cpu_count() / workers));
    EXPECT_EQ(mp::Pool(1).apply(processors_in_a_pool_of, 1), mp::cpu_count());
    EXPECT_EQ(mp::Pool(mp::cpu_count()).apply(processors_in_a_pool_of, 1), 1);
    EXPECT_EQ(mp::Pool(mp::cpu_count()).apply(processors_in_a_pool_of, 3), 1);
}

int stay(mp::Queue<int> pids) {
    pids.put(::getpid());
    for (;;) ::pause();
}
int have_pool_that_stays(mp::Queue<int> pids) {
    const mp::Pool inner(2);
    const auto first = inner.apply_async(stay, pids), second = inner.apply_async(stay, pids);
    return first.get() + second.get();
}
TEST_P(NestedPools, leave_no_worker_when_the_outer_one_is_killed) {
    const mp::Pool outer(2);
    const mp::Queue<int> pids;
    const mp::Event go;
    const auto nested = outer.apply_async(have_pool_that_stays, pids);
    const int first = pids.get(), second = pids.get();
    const auto beside = outer.apply_async(
        [](mp::Event go) {
            go.wait();
            return 42;
        },
        go);
    int killed = 0;
    wait_until([&] {
        for (const mp::WorkerStats& worker : outer.stats().workers)
            if (worker.task.find("have_pool_that_stays") != std::string::npos) killed = worker.pid;
        return killed != 0;
    });
    ::kill(killed, SIGKILL);
    try {
        static_cast<void>(nested.get());
        ADD_FAILURE() << "nothing was thrown";
    } catch (const mp::WorkerDied& died) {
        EXPECT_EQ(died.pid, killed);
        EXPECT_EQ(died.exitcode, -SIGKILL);
    }
    for (const int pid : {first, second}) wait_until([&] { return is_gone(pid); });
    go.set();
    EXPECT_EQ(beside.get(), 42);
    EXPECT_EQ(outer.apply(sum_of_squares, GetParam(), 4), 14);
    EXPECT_EQ(outer.stats().died, 1U);
}

TEST_P(NestedPools, end_with_the_outer_one) {
    const mp::Queue<int> pids;
    {
        const mp::Pool outer(1);
        static_cast<void>(outer.apply_async(have_pool_that_stays, pids));
        const int first = pids.get(), second = pids.get();
        EXPECT_FALSE(is_gone(first));
        pids.put(first);
        pids.put(second);
    }
    for (int i = 0; i < 2; ++i) {
        const int pid = pids.get();
        wait_until([&] { return is_gone(pid); });
    }
}

}  // namespace
