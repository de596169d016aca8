// SPDX-License-Identifier: Apache-2.0

// Queues are filled to the heap's limit. Whoever puts is told so, and everything else goes on: the last
// sixteenth of the heap is not for messages.

#include <gtest/gtest.h>
#include <signal.h>
#include <procession/mp.hpp>

#include <mutex>
#include <numeric>

#include "support/child.hpp"
#include "support/expect.hpp"
#include "support/full_heap.hpp"
#include "support/heap_work.hpp"
#include "support/small_heap.hpp"
#include "support/start_methods.hpp"
#include "support/waiting.hpp"

namespace {

using namespace std::chrono_literals;
using procession::heap::Heap;
namespace test = procession::test;

std::uint64_t blocks_in_use() { return Heap::program().usage().blocks; }

std::string item(std::size_t number, std::size_t size) {
    std::string text = std::to_string(number) + ':';
    text.resize(size, '.');
    return text;
}
std::size_t number_of(const std::string& text) { return std::stoul(text); }

/// Does it until the heap is full, and returns what that was told as.
template <class Put>
std::string fill(Put put) {
    try {
        for (;;) put();
    } catch (const mp::HeapExhausted& error) {
        return error.what();
    }
}

/// A way to fill a queue, and what then lies in it.
struct Filling {
    const char* name;
    std::size_t size;  ///< of an item: short ones lie in segments, long ones in blocks
    bool joinable;
    std::size_t (*put)(const mp::Queue<std::string>&, std::size_t first, std::size_t size);

    friend void PrintTo(const Filling& filling, std::ostream* out) { *out << filling.name; }
    mp::Queue<std::string> make_queue() const {
        return joinable ? mp::JoinableQueue<std::string>() : mp::Queue<std::string>();
    }
};

constexpr std::size_t short_size = 40;

std::size_t put_one(const mp::Queue<std::string>& queue, std::size_t first, std::size_t size) {
    queue.put(item(first, size));
    return 1;
}
std::size_t put_in_place(const mp::Queue<std::string>& queue, std::size_t first, std::size_t size) {
    auto message = queue.reserve(size);
    std::ranges::copy(item(first, size), message.span().begin());
    queue.commit(std::move(message));
    return 1;
}
constexpr std::size_t batch_size = 100;
std::size_t put_batch(const mp::Queue<std::string>& queue, std::size_t first, std::size_t size) {
    std::vector<std::string> items;
    for (std::size_t i = 0; i < batch_size; ++i) items.push_back(item(first + i, size));
    queue.put_many(items);
    return batch_size;
}

mp::JoinableQueue<std::string> as_joinable(const mp::Queue<std::string>& queue) {
    return mp::JoinableQueue<std::string>(static_cast<mp::detail::Handle>(queue));
}

class AQueueFilled : public testing::TestWithParam<Filling> {};

TEST_P(AQueueFilled, has_what_was_put_and_takes_more_when_some_is_gone) {
    if (!test::in_program_with_heap_limit("16M")) return;
    const Filling& filling = GetParam();
    const mp::Queue<std::string> queue = filling.make_queue();
    const std::uint64_t blocks_before = blocks_in_use();
    std::size_t sent = 0;
    const std::string told = fill([&] { sent += filling.put(queue, sent, filling.size); });
    test::expect_parts(told, {"shared heap: no room for", "of 16777216 bytes", "PROCESSION_HEAP_LIMIT"});

    // Of a batch those that there was room for were put.
    EXPECT_GE(queue.qsize(), sent);
    EXPECT_LT(queue.qsize(), sent + (filling.put == put_batch ? batch_size : 1));
    fill([&] { queue.put(item(queue.qsize(), filling.size)); });
    const std::size_t filled = queue.qsize();
    const std::uint64_t blocks = blocks_in_use();
    EXPECT_THROW(queue.put(item(filled, filling.size)), mp::HeapExhausted);
    EXPECT_EQ(queue.qsize(), filled);
    EXPECT_EQ(blocks_in_use(), blocks);

    std::size_t got = 0;
    const auto get_until = [&](std::size_t end) {
        for (; got < end; ++got) {
            ASSERT_EQ(queue.get_nowait(), item(got, filling.size));
            if (filling.joinable) as_joinable(queue).task_done();
        }
    };
    // All of the first segment, which has 2 KiB; a long item leaves room for another at once.
    get_until(filling.size == short_size ? 2048 / 16 : 1);
    queue.put(item(filled, filling.size));
    get_until(filled + 1);
    EXPECT_TRUE(queue.empty());
    EXPECT_LE(blocks_in_use(), blocks_before + filling.joinable) << "what notes those in flight stays";
    queue.put(item(got, filling.size));
    get_until(got + 1);
}

INSTANTIATE_TEST_SUITE_P(WithEach, AQueueFilled,
                         testing::Values(Filling{"ShortItem", short_size, false, put_one},
                                         Filling{"ShortItemInPlace", short_size, false, put_in_place},
                                         Filling{"ShortBatch", short_size, false, put_batch},
                                         Filling{"LongItem", 5000, false, put_one},
                                         Filling{"LongItemInPlace", 5000, false, put_in_place},
                                         Filling{"LongBatch", 5000, false, put_batch},
                                         Filling{"HugeItem", 700'000, false, put_one},
                                         Filling{"JoinableItem", short_size, true, put_one},
                                         Filling{"JoinableItemInPlace", short_size, true, put_in_place},
                                         Filling{"JoinableBatch", short_size, true, put_batch}),
                         [](const auto& info) { return std::string(info.param.name); });

// ---------------------------------------------------------------- the rest of the library

/// A queue that has filled the heap: there is no room for another message, of whatever size.
template <class Queue>
struct FullQueue {
    FullQueue() {
        fill([&] { queue.put(count), ++count; });
        full.emplace();
        EXPECT_THROW(queue.put(count), mp::HeapExhausted);
    }
    Queue queue;
    int count = 0;
    std::optional<test::FullHeap> full;
};

class AFullHeap : public test::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Methods, AFullHeap, test::all_start_methods(), test::name_of_parameter);

struct Synchronizers {
    mp::Lock lock;
    mp::RLock rlock;
    mp::Semaphore go{0}, gone{0};
    mp::Condition condition;
    mp::Event begun, ended;
    mp::Barrier barrier{2};

    template <class A>
    void serialize(A& archive) {
        archive(lock, rlock, go, gone, condition, begun, ended, barrier);
    }

    /// What the two sides do by turns.
    void use_first() {
        lock.acquire();
        begun.wait();
        lock.release();
        rlock.acquire();
        rlock.acquire();
        rlock.release();
        rlock.release();
        go.release();
        gone.acquire();
        test::wait_for_waiters(condition, 1);
        {
            const std::scoped_lock guard(condition);
            condition.notify();
        }
        barrier.wait();
        ended.wait();
    }
    void use_second() {
        begun.set();
        { const std::scoped_lock guard(lock); }
        { const std::scoped_lock guard(rlock); }
        go.acquire();
        gone.release();
        {
            const std::scoped_lock guard(condition);
            condition.wait();
        }
        barrier.wait();
        ended.set();
    }
};

void use_second(Synchronizers all) { all.use_second(); }

void use_with_another_process(Synchronizers& all) {
    mp::Process process(use_second, all);
    process.start();
    all.use_first();
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
}

TEST_P(AFullHeap, leaves_locks_and_their_kin_at_work) {
    if (!test::in_program_with_heap_limit("32M")) return;
    Synchronizers before;
    const FullQueue<mp::Queue<int>> full;
    use_with_another_process(before);
    Synchronizers anew;
    use_with_another_process(anew);
}

void get_in_order(mp::Queue<int> queue, int first, int end) {
    for (int i = first; i < end; ++i)
        if (queue.get_nowait() != i) mp::exit(1);
}

TEST_P(AFullHeap, leaves_processes_at_work_which_make_room) {
    if (!test::in_program_with_heap_limit("32M")) return;
    FullQueue<mp::Queue<int>> full;
    // One process after another, and at the end there is room again.
    for (int i = 0; i < 5; ++i) test::run(get_in_order, full.queue, i * 10, i * 10 + 10);
    full.full.reset();
    test::run(get_in_order, full.queue, 50, full.count);
    EXPECT_TRUE(full.queue.empty());
    full.queue.put(1);
    EXPECT_EQ(full.queue.get(), 1);
}

void put_until_exhausted(mp::Queue<int> queue, int putter, mp::RawValue<long> count, mp::Barrier start) {
    start.wait();
    fill([&] {
        queue.put(putter + 4 * static_cast<int>(count.get()));
        count.set(count.get() + 1);
    });
}

TEST_P(AFullHeap, is_told_to_each_of_those_who_fill_it_at_once) {
    if (!test::in_program_with_heap_limit("16M")) return;
    const mp::Queue<int> queue;
    const mp::Barrier start(4);
    std::vector<mp::RawValue<long>> counts;
    std::vector<mp::Process> putters;
    for (int i = 0; i < 4; ++i) {
        counts.emplace_back(0);
        putters.emplace_back(put_until_exhausted, queue, i, counts.back(), start);
        putters.back().start();
    }
    for (mp::Process& putter : putters) {
        putter.join();
        EXPECT_EQ(putter.exitcode(), 0);
    }
    std::vector<long> got(4);
    while (const auto number = queue.try_get()) {
        const auto putter = static_cast<std::size_t>(*number % 4);
        ASSERT_EQ(*number / 4, got[putter]) << "of putter " << putter;
        ++got[putter];
    }
    for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(got[i], counts[i].get());
}

TEST(AFullHeapsQueue, has_those_of_a_batch_that_there_was_room_for) {
    if (!test::in_program_with_heap_limit("8M")) return;
    const mp::Queue<int> queue;
    std::vector<int> numbers(1'000'000);
    std::iota(numbers.begin(), numbers.end(), 0);
    EXPECT_THROW(queue.put_many(numbers), mp::HeapExhausted);
    EXPECT_GT(queue.qsize(), 0u);
    EXPECT_LT(queue.qsize(), numbers.size());
    numbers.resize(queue.qsize());
    EXPECT_EQ(queue.get_many(1'000'000), numbers);
    EXPECT_TRUE(queue.empty());
}

TEST(AFullHeapsQueue, has_nothing_of_a_batch_that_there_is_no_room_for_beside_it) {
    if (!test::in_program_with_heap_limit("8M")) return;
    const mp::Queue<std::string> queue;
    const std::uint64_t blocks = blocks_in_use();
    EXPECT_THROW(queue.put_many(std::vector<std::string>(2000, item(0, 5000))), mp::HeapExhausted);
    EXPECT_TRUE(queue.empty());
    EXPECT_EQ(blocks_in_use(), blocks);
}

TEST(AFullHeapsQueue, gives_many_and_views) {
    if (!test::in_program_with_heap_limit("16M")) return;
    const mp::Queue<std::string> queue;
    std::size_t count = 0;
    fill([&] { queue.put(item(count, count % 2 ? 40 : 5000)), ++count; });
    const test::FullHeap full;
    std::size_t got = 0;
    for (const std::string& each : queue.get_many(count / 2)) EXPECT_EQ(number_of(each), got++);
    EXPECT_EQ(got, count / 2);
    for (; got < count; ++got) {
        const auto view = queue.get_view(0s);
        EXPECT_EQ(number_of(std::string(view.begin(), view.end())), got);
    }
    EXPECT_TRUE(queue.empty());
}

TEST(AFullHeapsQueue, has_ten_thousand_in_flight) {
    if (!test::in_program_with_heap_limit("64M")) return;
    constexpr int in_flight = 10'000;
    const FullQueue<mp::JoinableQueue<int>> full;
    std::vector<int> numbers(in_flight);
    std::iota(numbers.begin(), numbers.end(), 0);
    EXPECT_EQ(full.queue.get_many(in_flight), numbers);
    EXPECT_FALSE(full.queue.join(0s));
    for (int i = 0; i < in_flight; ++i) full.queue.task_done();
    for (int i = in_flight; i < full.count; ++i) {
        ASSERT_EQ(full.queue.get_nowait(), i);
        full.queue.task_done();
    }
    EXPECT_TRUE(full.queue.join(0s));
    EXPECT_THROW(full.queue.task_done(), mp::ValueError);
}

TEST(AFullHeapsQueue, gets_back_what_a_killed_process_had) {
    if (!test::in_program_with_heap_limit("32M")) return;
    const FullQueue<mp::JoinableQueue<int>> full;
    EXPECT_EQ(-SIGKILL, test::in_child([&] {
        static_cast<void>(full.queue.get_many(100));
        ::raise(SIGKILL);
    }));
    test::bury_everybody(Heap::program());
    for (int i = 0; i < 100; ++i) {
        const auto delivery = full.queue.get_delivery(0s);
        ASSERT_EQ(delivery.item, i);
        ASSERT_EQ(delivery.deaths, 1);
        full.queue.task_done();
    }
    EXPECT_EQ(full.queue.get_delivery(0s).deaths, 0);
}

TEST(AFullHeapsQueue, is_rid_of_a_process_that_was_killed_with_a_lock) {
    if (!test::in_program_with_heap_limit("32M")) return;
    const mp::Lock lock;
    const FullQueue<mp::Queue<int>> full;
    EXPECT_EQ(-SIGKILL, test::in_child([&] {
        lock.acquire();
        ::raise(SIGKILL);
    }));
    EXPECT_THROW(lock.acquire(), mp::OwnerDied);
}

TEST(AFullHeapsQueue, that_cannot_be_made_leaves_nothing) {
    if (!test::in_program_with_heap_limit("16M")) return;
    const FullQueue<mp::Queue<int>> full;
    const std::uint64_t blocks = blocks_in_use();
    EXPECT_THROW(mp::Queue<int>(), mp::HeapExhausted);
    EXPECT_EQ(blocks_in_use(), blocks);
}

}  // namespace
