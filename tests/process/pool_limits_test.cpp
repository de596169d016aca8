// SPDX-License-Identifier: Apache-2.0

// What the workers of a pool may use, and where they run, by every start method.

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "os/cgroup.hpp"
#include "os/descriptor.hpp"
#include "os/error.hpp"
#include "os/processors.hpp"
#include "os/topology.hpp"
#include "support/expect.hpp"
#include "support/start_methods.hpp"
#include "support/thrown.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;
namespace os = procession::os;

constexpr std::size_t mebibyte = std::size_t{1} << 20;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

class PoolLimits : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, PoolLimits, all_start_methods(), name_of_parameter);

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

std::size_t touch(std::size_t size) {
    const std::unique_ptr<char[]> memory(new char[size]);
    std::memset(memory.get(), 1, size);
    asm volatile("" : : "r"(memory.get()) : "memory");
    return size;
}

// ---------------------------------------------------------------- passed, as the task's own error

void expect_bad_alloc_of_the_task(const mp::Limits& limits) {
    const mp::Pool pool(1, {.limits = limits});
    EXPECT_EQ(pool.apply(touch, 32 * mebibyte), 32 * mebibyte);
    EXPECT_THROW(pool.apply(touch, 1024 * mebibyte), std::bad_alloc);
    EXPECT_EQ(pool.apply(touch, 32 * mebibyte), 32 * mebibyte);
    EXPECT_EQ(pool.stats().died, 0U);
    EXPECT_EQ(pool.stats().failed, 1U);
    EXPECT_EQ(pool.workers()[0].name(), "PoolWorker-1");
}
TEST_P(PoolLimits, of_memory_passed_are_the_tasks_bad_alloc) {
    if (sanitized) GTEST_SKIP() << "a sanitizer maps more than any limit leaves";
    expect_bad_alloc_of_the_task({.memory = 512 * mebibyte});
    expect_bad_alloc_of_the_task({.data = 256 * mebibyte});
}

void open_until_refused() {
    std::vector<os::Descriptor> opened;
    for (;;) opened.emplace_back(os::checked(::dup(STDIN_FILENO), "task", "dup"));
}
TEST_P(PoolLimits, of_open_files_passed_are_the_tasks_error) {
    const mp::Pool pool(1, {.limits = {.open_files = 64}});
    const std::string text = refused(EMFILE, [&] { pool.apply(open_until_refused); });
    expect_parts(text, {"dup"});
    EXPECT_EQ(pool.apply(touch, mebibyte), mebibyte);
    EXPECT_EQ(pool.stats().died, 0U);
}

int own_nice() { return ::getpriority(PRIO_PROCESS, 0); }
TEST_P(PoolLimits, say_how_nice_workers_are) {
    const mp::Pool pool(1, {.limits = {.nice = 3}});
    EXPECT_EQ(pool.apply(own_nice), own_nice() + 3);
}

TEST_P(PoolLimits, that_nobody_could_live_with_are_refused_by_the_pool) {
    const auto refusal = [](mp::Limits limits) {
        return thrown<mp::ValueError>([&] { const mp::Pool pool(1, {.limits = limits}); });
    };
    expect_parts(refusal({.memory = 0}), {"Pool", "Limits::memory is 0"});
    expect_parts(refusal({.resident = 0}), {"Pool", "Limits::resident is 0"});
}

// ---------------------------------------------------------------- passed, as the worker's death

int spin(int n) {
    if (n < 0)
        for (volatile unsigned i = 0;;) i = i + 1;
    return n;
}
TEST_P(PoolLimits, of_processor_time_passed_end_the_worker_and_no_other) {
    const mp::Pool pool(2, {.limits = {.cpu = 1s}});
    const auto late = pool.apply_async(spin, -1);
    EXPECT_EQ(pool.map(spin, {1, 2, 3}, 1), (std::vector{1, 2, 3}));
    try {
        static_cast<void>(late.get());
        ADD_FAILURE() << "nothing was thrown";
    } catch (const mp::WorkerDied& died) {
        EXPECT_EQ(died.exitcode, -24);
        expect_parts(died.what(), {"SIGXCPU", "spin"});
    }
    EXPECT_EQ(pool.map(spin, {1, 2, 3}, 1), (std::vector{1, 2, 3}));
    EXPECT_EQ(pool.stats().died, 1U);
}

std::size_t grow_for_ever(std::size_t step) {
    std::vector<std::unique_ptr<char[]>> pieces;
    for (;;) {
        pieces.emplace_back(new char[step]);
        std::memset(pieces.back().get(), 1, step);
        std::this_thread::sleep_for(1ms);
    }
}
TEST_P(PoolLimits, of_resident_memory_passed_end_the_worker) {
    constexpr std::size_t limit = 64 * mebibyte;
    // The pool looks now and then.
    constexpr std::size_t step = mebibyte / 2;
    const mp::Pool pool(2, {.limits = {.resident = limit}});
    const mp::WorkerDied died = death_of(pool, grow_for_ever, step);
    EXPECT_EQ(died.exitcode, -SIGKILL);
    EXPECT_GE(died.peak_resident, limit);
    EXPECT_NE(died.task.find("grow_for_ever"), std::string::npos) << died.task;
    const mp::PoolStats stats = pool.stats();
    if (const auto made = os::MemoryGroup::make(limit); made.group) {
        EXPECT_EQ(stats.resident_enforced_by, "cgroup");
        EXPECT_TRUE(died.out_of_memory);
    } else {
        EXPECT_EQ(stats.resident_enforced_by, "watcher: " + made.trouble);
        EXPECT_FALSE(made.trouble.empty());
        expect_parts(died.what(),
                     {"Pool", "SIGKILL", "grow_for_ever", "more than 67108864 bytes of memory"});
        EXPECT_FALSE(died.out_of_memory);
    }
    EXPECT_EQ(pool.apply(touch, mebibyte), mebibyte);
}

TEST_P(PoolLimits, of_resident_memory_do_not_count_what_workers_share) {
    const mp::RawArray<char> shared(96 * mebibyte);
    const mp::Pool pool(1, {.limits = {.resident = 64 * mebibyte}});
    const auto fill = [](mp::RawArray<char> array, mp::Event filled, mp::Event go) {
        for (std::size_t i = 0; i < array.size(); ++i) array[i] = 1;
        filled.set();
        go.wait();
        return ::getpid();
    };
    if (os::MemoryGroup::make(mebibyte).group)
        GTEST_SKIP() << "the kernel counts it to the first writer";
    const mp::Event filled, go;
    const auto pid = pool.apply_async(fill, shared, filled, go);
    filled.wait();
    // It is watched: one that has too much of its own meets its end here.
    for (int looks = 0; looks < 5; ++looks) {
        std::this_thread::sleep_for(50ms);
        EXPECT_EQ(pool.stats().died, 0U);
    }
    go.set();
    EXPECT_EQ(pid.get(), pool.workers()[0].pid());
}

TEST_P(PoolLimits, that_are_not_set_are_enforced_by_nobody) {
    const mp::Pool pool(1);
    EXPECT_EQ(pool.apply(touch, mebibyte), mebibyte);
    EXPECT_EQ(pool.stats().resident_enforced_by, "");
}

// ---------------------------------------------------------------- placement

class PoolPlacement : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, PoolPlacement, all_start_methods(), name_of_parameter);

std::vector<int> where(mp::Barrier all) {
    all.wait();
    return os::usable_processors();
}
/// On which processors each of so many workers may run.
std::multiset<std::vector<int>> places(const mp::Pool& pool, int count) {
    const mp::Barrier all(count);
    std::vector<mp::AsyncResult<std::vector<int>>> results;
    for (int i = 0; i < count; ++i) results.push_back(pool.apply_async(where, all));
    std::multiset<std::vector<int>> found;
    for (const auto& result : results) found.insert(result.get());
    return found;
}

TEST_P(PoolPlacement, of_none_leaves_workers_where_the_pool_s_process_may_run) {
    EXPECT_EQ(places(mp::Pool(2), 2),
              (std::multiset<std::vector<int>>{os::usable_processors(), os::usable_processors()}));
}

TEST_P(PoolPlacement, gives_each_worker_a_processor_of_its_own_while_there_are_some) {
    const std::vector<int> usable = os::usable_processors();
    const int count = static_cast<int>(usable.size());
    for (const mp::Placement& placement : {mp::Placement::spread(), mp::Placement::compact()}) {
        std::multiset<std::vector<int>> once, twice;
        for (const int cpu : usable) once.insert({cpu});
        for (const int cpu : usable) twice.insert({{cpu}, {cpu}});
        EXPECT_EQ(places(mp::Pool(count, {.placement = placement}), count), once);
        EXPECT_EQ(places(mp::Pool(2 * count, {.placement = placement}), 2 * count), twice);
    }
}

TEST_P(PoolPlacement, is_explicitly_so) {
    const std::vector<int> usable = os::usable_processors();
    EXPECT_EQ(places(mp::Pool(2, {.placement = mp::Placement::explicitly({usable.back()})}), 2),
              (std::multiset<std::vector<int>>{{usable.back()}, {usable.back()}}));
    EXPECT_EQ(
        places(mp::Pool(2, {.placement = mp::Placement::explicitly({{usable.front()}, usable})}), 2),
        (std::multiset<std::vector<int>>{{usable.front()}, usable}));
}

TEST_P(PoolPlacement, is_the_same_for_who_takes_a_dead_one_s_place) {
    const std::vector<int> usable = os::usable_processors();
    const mp::Pool pool(1, {.placement = mp::Placement::explicitly({usable.back()})});
    death_of(pool, [] { ::raise(SIGKILL); });
    EXPECT_EQ(places(pool, 1), (std::multiset<std::vector<int>>{{usable.back()}}));
}

TEST_P(PoolPlacement, is_on_a_memory_node) {
    const os::Topology machine = os::Topology::read();
    std::vector<int> of_node;
    for (const auto& processor : machine.processors)
        if (processor.node == machine.processors[0].node) of_node.push_back(processor.number);
    std::ranges::sort(of_node);
    const mp::Pool pool(2, {.placement = mp::Placement::numa_node(machine.processors[0].node)});
    EXPECT_EQ(places(pool, 2), (std::multiset<std::vector<int>>{of_node, of_node}));
}

TEST_P(PoolPlacement, that_the_machine_does_not_have_is_refused) {
    const auto refusal = [](const mp::Placement& placement) {
        return thrown<mp::ValueError>([&] { const mp::Pool pool(1, {.placement = placement}); });
    };
    expect_parts(refusal(mp::Placement::explicitly({8191})), {"Pool", "8191"});
    expect_parts(refusal(mp::Placement::explicitly({-1})), {"Pool", "-1"});
    expect_parts(refusal(mp::Placement::numa_node(4000)), {"Pool", "4000"});
    refusal(mp::Placement::explicitly(std::vector<int>()));
}

}  // namespace
