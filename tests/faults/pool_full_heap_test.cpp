// SPDX-License-Identifier: Apache-2.0

// Pools in a heap that is full: who submits is told so; tasks come to their results, when there is room, or to
// errors; nobody waits for ever, and the pool works again once there is room.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "support/expect.hpp"
#include "support/full_heap.hpp"
#include "support/small_heap.hpp"
#include "support/thrown.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;

int square(int x) { return x * x; }
std::size_t length_of(std::string text) { return text.size(); }
std::string text_of(std::size_t length) { return std::string(length, 'x'); }
std::string text_after(mp::Event begun, mp::Event go, std::size_t length) {
    begun.set();
    go.wait();
    return std::string(length, 'x');
}
int run_until(mp::Event begun, mp::Event go) {
    begun.set();
    go.wait();
    return 42;
}

TEST(PoolInAFullHeap, tells_who_submits) {
    if (!in_program_with_heap_limit("32M")) return;
    const mp::Pool pool(2);
    EXPECT_EQ(pool.apply(square, 2), 4);
    {
        const FullHeap full;
        const std::string told = thrown<mp::HeapExhausted>(
            [&] { static_cast<void>(pool.apply(length_of, std::string(100'000, 'x'))); });
        expect_parts(told, {"shared heap: no room for", "PROCESSION_HEAP_LIMIT"});
        EXPECT_THROW(static_cast<void>(pool.map(length_of, std::vector(10, std::string(10'000, 'x')))),
                     mp::HeapExhausted);
        // Short ones have room in what the pool has already, for a time.
        const auto fill = [&] {
            for (;;) static_cast<void>(pool.apply_async(square, 3));
        };
        EXPECT_THROW(fill(), mp::HeapExhausted);
    }
    EXPECT_EQ(pool.apply(length_of, std::string(100'000, 'x')), 100'000U);
    EXPECT_EQ(pool.map(square, {1, 2, 3}), (std::vector{1, 4, 9}));
    EXPECT_EQ(pool.stats().died, 0U);
}

TEST(PoolInAFullHeap, queues_until_there_is_no_room_and_does_all_that_it_took) {
    if (!in_program_with_heap_limit("16M")) return;
    const mp::Pool pool(1);
    const mp::Event begun, go;
    const auto blocker = pool.apply_async(run_until, begun, go);
    begun.wait();
    std::vector<mp::AsyncResult<std::size_t>> results;
    const auto fill = [&] {
        for (;;) results.push_back(pool.apply_async(length_of, std::string(results.size() % 7000, 'x')));
    };
    EXPECT_THROW(fill(), mp::HeapExhausted);
    EXPECT_GT(results.size(), 100U);
    go.set();
    for (std::size_t i = 0; i < results.size(); ++i) ASSERT_EQ(results[i].get(), i % 7000);
    EXPECT_EQ(blocker.get(), 42);
    EXPECT_EQ(pool.stats().queued, 0U);
    EXPECT_EQ(pool.apply(square, 3), 9);
}

TEST(PoolInAFullHeap, waits_with_results_or_says_that_there_was_no_room_for_them) {
    if (!in_program_with_heap_limit("32M")) return;
    const mp::Pool pool(1);
    const mp::Event begun, go;
    const auto large = pool.apply_async(text_after, begun, go, std::size_t{1'000'000});
    begun.wait();
    std::optional<FullHeap> full(std::in_place);
    go.set();
    try {
        EXPECT_EQ(large.get(2s).size(), 1'000'000U);
    } catch (const mp::HeapExhausted& error) {
        expect_parts(error.what(), {"shared heap: no room for"});
    } catch (const mp::TimeoutError&) {
        full.reset();
        EXPECT_EQ(large.get().size(), 1'000'000U);
    }
    full.reset();
    EXPECT_EQ(pool.apply(text_of, std::size_t{1'000'000}).size(), 1'000'000U);
    EXPECT_EQ(pool.stats().died, 0U);
}

TEST(PoolInAFullHeap, gives_results_of_every_length_that_together_have_no_room) {
    if (!in_program_with_heap_limit("16M")) return;
    const mp::Pool pool(2);
    // Nobody takes them meanwhile.
    std::vector<mp::AsyncResult<std::string>> results;
    for (std::size_t i = 0; i < 400; ++i)
        results.push_back(pool.apply_async(text_of, i % 4 == 0 ? std::size_t{200'000} : i));
    int right = 0, exhausted = 0;
    for (std::size_t i = 0; i < results.size(); ++i) {
        try {
            EXPECT_EQ(results[i].get().size(), i % 4 == 0 ? 200'000U : i);
            ++right;
        } catch (const mp::HeapExhausted&) {
            ++exhausted;
        }
    }
    EXPECT_EQ(right + exhausted, 400);
    EXPECT_GT(right, 300);
    EXPECT_EQ(pool.apply(text_of, std::size_t{200'000}).size(), 200'000U);
    EXPECT_EQ(pool.stats().died, 0U);
}

TEST(PoolInAFullHeap, settles_what_a_dead_worker_had) {
    if (!in_program_with_heap_limit("32M")) return;
    const mp::Pool pool(1, {.max_retries = 1});
    const mp::Event begun, go;
    const auto die_at_first = [](mp::Event begun, mp::Event go, int n) {
        if (n == 1 && !begun.is_set()) {
            begun.set();
            go.wait();
            ::raise(SIGKILL);
        }
        return n;
    };
    std::vector<int> items(1000);
    std::iota(items.begin(), items.end(), 0);
    const auto mapped = pool.map_async(mp::bind(die_at_first, begun, go), items, 100);
    begun.wait();
    std::optional<FullHeap> full(std::in_place);
    go.set();
    try {
        EXPECT_EQ(mapped.get(2s), items);
    } catch (const mp::HeapExhausted&) {
    } catch (const mp::TimeoutError&) {
        full.reset();
        try {
            EXPECT_EQ(mapped.get(), items);
        } catch (const mp::HeapExhausted&) {
        }
    }
    full.reset();
    EXPECT_EQ(pool.map(square, {1, 2, 3}), (std::vector{1, 4, 9}));
}

TEST(PoolInAFullHeap, settles_a_task_that_many_workers_die_of) {
    if (!in_program_with_heap_limit("32M")) return;
    const mp::Pool pool(1, {.max_retries = 100});
    const auto die_at_fifty = [](mp::Queue<int> deaths, mp::Event begun, mp::Event go, int n) {
        begun.set();
        go.wait();
        if (n == 50 && deaths.try_get()) ::raise(SIGKILL);
        return n;
    };
    const mp::Queue<int> deaths;
    for (int i = 0; i < 60; ++i) deaths.put(i);
    const mp::Event begun, go;
    std::vector<int> items(100);
    std::iota(items.begin(), items.end(), 0);
    const auto mapped = pool.map_async(mp::bind(die_at_fifty, deaths, begun, go), items, 100);
    begun.wait();
    {
        const FullHeap full;
        go.set();
        EXPECT_EQ(mapped.get(), items);
    }
    EXPECT_EQ(pool.stats().died, 60U);
    EXPECT_EQ(pool.map(square, {1, 2, 3}), (std::vector{1, 4, 9}));
}

TEST(PoolInAFullHeap, ends_in_order) {
    if (!in_program_with_heap_limit("32M")) return;
    for (const bool closes : {true, false}) {
        const mp::Event begun, go;
        std::optional<FullHeap> full;
        const mp::Pool pool(2);
        const auto running = pool.apply_async(run_until, begun, go);
        begun.wait();
        full.emplace();
        closes ? pool.close() : pool.terminate();
        go.set();
        EXPECT_TRUE(pool.join());
        if (closes) {
            EXPECT_EQ(running.get(), 42);
        }
    }
}

TEST(PoolInAFullHeap, that_cannot_be_made_leaves_nothing) {
    if (!in_program_with_heap_limit("32M")) return;
    static_cast<void>(mp::Pool(1).apply(square, 1));
    static_cast<void>(mp::active_children());
    const std::uint64_t blocks = procession::heap::Heap::program().usage().blocks;
    {
        const FullHeap full(procession::heap::Use::control);
        EXPECT_THROW(mp::Pool(2), mp::HeapExhausted);
    }
    EXPECT_TRUE(mp::active_children().empty());
    // Of the first pool's worker some may have been there still.
    EXPECT_LE(procession::heap::Heap::program().usage().blocks, blocks);
    EXPECT_EQ(mp::Pool(2).apply(square, 3), 9);
}

}  // namespace
