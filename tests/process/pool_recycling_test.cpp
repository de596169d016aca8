// SPDX-License-Identifier: Apache-2.0

// Workers that are replaced: after so many tasks, when they have too much memory, when they are too old. No
// task is lost, nothing is told as a death, and who takes a place is ready before it is free.

#include <gtest/gtest.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstring>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

#include "support/start_methods.hpp"
#include "support/waiting.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;

class PoolRecycling : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, PoolRecycling, all_start_methods(), name_of_parameter);

int square(int x) { return x * x; }
int pid_of_worker() { return ::getpid(); }
std::vector<int> numbers(int count) {
    std::vector<int> numbers(count);
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
}
std::vector<int> squares(int count) {
    std::vector<int> squares;
    for (const int n : numbers(count)) squares.push_back(square(n));
    return squares;
}

// ---------------------------------------------------------------- after so many tasks

TEST(PoolRecyclingAtLength, of_a_worker_for_each_of_two_thousand_tasks) {
    const mp::Pool pool(2, {.maxtasksperchild = 1, .start_method = mp::StartMethod::fork});
    const auto pid_of = [](int) { return ::getpid(); };
    const std::vector<int> pids = pool.map(pid_of, numbers(2000), 1);
    EXPECT_EQ(std::set<int>(pids.begin(), pids.end()).size(), pids.size());
    EXPECT_EQ(pool.stats().died, 0U);
    EXPECT_EQ(pool.stats().failed, 0U);
}

TEST_P(PoolRecycling, loses_nothing_of_what_is_under_way_by_every_call) {
    const mp::Pool pool(2, {.maxtasksperchild = 3});
    const auto mapped = pool.map_async(square, numbers(40), 2);
    std::vector<mp::AsyncResult<int>> applied;
    for (int n = 0; n < 40; ++n) applied.push_back(pool.apply_async(square, n));
    auto in_order = pool.imap(square, numbers(40), 7);
    auto in_any_order = pool.imap_unordered(square, numbers(40));
    for (const int expected : squares(40)) EXPECT_EQ(in_order.next(), expected);
    EXPECT_EQ(in_order.next(), std::nullopt);
    std::multiset<int> any;
    for (const int each : in_any_order) any.insert(each);
    const std::vector<int> all = squares(40);
    EXPECT_EQ(any, std::multiset<int>(all.begin(), all.end()));
    EXPECT_EQ(mapped.get(), all);
    for (int n = 0; n < 40; ++n) EXPECT_EQ(applied[n].get(), n * n);
    const mp::PoolStats stats = pool.stats();
    EXPECT_EQ(stats.done, 160U);
    EXPECT_EQ(stats.died, 0U);
    EXPECT_EQ(stats.retried, 0U);
}

TEST_P(PoolRecycling, goes_on_when_the_pool_is_closed_at_once) {
    for (const std::size_t limit : {1, 3}) {
        const mp::Pool pool(3, {.maxtasksperchild = limit});
        const auto mapped = pool.map_async(square, numbers(10), 1);
        std::vector<mp::AsyncResult<int>> applied;
        for (int n = 0; n < 6; ++n) applied.push_back(pool.apply_async(square, n));
        pool.close();
        EXPECT_TRUE(pool.join());
        EXPECT_EQ(mapped.get(0s), squares(10));
        for (int n = 0; n < 6; ++n) EXPECT_EQ(applied[n].get(0s), n * n);
        EXPECT_TRUE(pool.workers().empty());
        EXPECT_EQ(pool.stats().died, 0U);
    }
}

void report_pid(mp::Queue<int> begun) { begun.put(::getpid()); }
TEST_P(PoolRecycling, has_the_next_worker_ready_before_the_one_before_goes) {
    const mp::Queue<int> begun;
    const mp::Pool pool(1, {.initializer = mp::bind(report_pid, begun), .maxtasksperchild = 1});
    int current = pool.workers()[0].pid();
    std::set<int> ready{begun.get(), begun.get()};
    for (int round = 0; round < 3; ++round) {
        ASSERT_EQ(ready.erase(current), 1U);
        const int next = *ready.begin();
        EXPECT_EQ(pool.workers().size(), 1U);
        EXPECT_EQ(pool.apply(pid_of_worker), current);
        current = next;
        ready.insert(begun.get());
    }
}

// ---------------------------------------------------------------- too much memory

int leak(std::size_t size, int n) {
    char* const memory = new char[size];
    std::memset(memory, 1, size);
    asm volatile("" : : "r"(memory) : "memory");
    return n * n;
}
/// Looks all the time how many workers a pool has, and keeps the least.
class LeastWorkers {
  public:
    explicit LeastWorkers(const mp::Pool& pool)
        : least_(pool.workers().size()), looks_([this, &pool](const std::stop_token& ends) {
              while (!ends.stop_requested()) {
                  least_ = std::min<std::size_t>(least_, pool.workers().size());
                  std::this_thread::sleep_for(1ms);
              }
          }) {}
    std::size_t least() {
        looks_.request_stop();
        looks_.join();
        return least_;
    }

  private:
    std::atomic<std::size_t> least_;
    std::jthread looks_;
};

constexpr std::size_t mebibyte = std::size_t{1} << 20;
TEST_P(PoolRecycling, of_workers_that_leak_memory) {
    const mp::Queue<int> begun;
    const mp::Pool pool(
        2, {.initializer = mp::bind(report_pid, begun), .maxmemoryperchild = 100 * mebibyte});
    LeastWorkers least(pool);
    // Until three were replaced: two that are there, one in reserve, and those three.
    int n = 0;
    for (; begun.qsize() < 6; ++n) EXPECT_EQ(pool.apply(leak, 20 * mebibyte, n), n * n);
    EXPECT_EQ(least.least(), 2U);
    const mp::PoolStats stats = pool.stats();
    EXPECT_EQ(stats.done, static_cast<std::uint64_t>(n));
    EXPECT_EQ(stats.failed, 0U);
    EXPECT_EQ(stats.died, 0U);
}

TEST_P(PoolRecycling, of_a_worker_with_much_memory_waits_for_its_task) {
    const auto leak_and_wait = [](mp::Event leaked, mp::Event go) {
        leak(200 * mebibyte, 1);
        leaked.set();
        go.wait();
        return ::getpid();
    };
    const mp::Pool pool(1, {.maxmemoryperchild = 100 * mebibyte});
    const int pid = pool.workers()[0].pid();
    const mp::Event leaked, go;
    const auto large = pool.apply_async(leak_and_wait, leaked, go);
    const auto after = pool.apply_async(pid_of_worker);
    leaked.wait();
    // The pool looks at its workers meanwhile.
    std::this_thread::sleep_for(200ms);
    EXPECT_FALSE(large.ready());
    go.set();
    EXPECT_EQ(large.get(), pid);
    EXPECT_NE(after.get(), pid);
    EXPECT_EQ(pool.stats().died, 0U);
}

// ---------------------------------------------------------------- too old

TEST_P(PoolRecycling, of_workers_that_are_too_old) {
    const mp::Pool pool(2, {.maxageperchild = 300ms});
    LeastWorkers least(pool);
    std::set<int> pids;
    int n = 0;
    for (; pids.size() < 6; ++n) {
        pids.insert(pool.apply(pid_of_worker));
        EXPECT_EQ(pool.map(square, numbers(10)), squares(10));
    }
    EXPECT_EQ(least.least(), 2U);
    EXPECT_EQ(pool.stats().died, 0U);
    EXPECT_EQ(pool.stats().done, static_cast<std::uint64_t>(11 * n));
    EXPECT_EQ(pool.stats().failed, 0U);
}

TEST_P(PoolRecycling, of_idle_workers_goes_on) {
    const mp::Pool pool(1, {.maxageperchild = 100ms});
    std::set<int> pids;
    wait_until([&] {
        for (const mp::ProcessHandle& worker : pool.workers()) pids.insert(worker.pid());
        std::this_thread::sleep_for(5ms);
        return pids.size() == 3;
    });
    EXPECT_EQ(pool.apply(square, 5), 25);
    EXPECT_EQ(pool.stats().died, 0U);
}

}  // namespace
