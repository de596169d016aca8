// SPDX-License-Identifier: Apache-2.0

// What introductions to multiprocessing say of the methods of Queue, sentence by sentence. JoinableQueue
// has the same, and those that come on top.

#include <procession/mp.hpp>

#include <gtest/gtest.h>

#include <numeric>
#include <thread>

#include "support/expect.hpp"
#include "support/proc.hpp"
#include "support/start_methods.hpp"

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
namespace test = procession::test;

template <class Q>
class QueueMethods : public testing::Test {};
using BothQueues = testing::Types<mp::Queue<int>, mp::JoinableQueue<int>>;
TYPED_TEST_SUITE(QueueMethods, BothQueues);

// "maxsize is the maximum number of items allowed in the queue. If omitted, there is no size limit."
TYPED_TEST(QueueMethods, maxsize_limits_and_without_it_nothing_does) {
    const TypeParam limited(3), unlimited;
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(limited.try_put(i));
    EXPECT_FALSE(limited.try_put(3));
    for (int i = 0; i < 100'000; ++i) unlimited.put_nowait(i);
    EXPECT_EQ(unlimited.qsize(), 100'000u);
    EXPECT_FALSE(unlimited.full());
}

// "Returns True if q is empty at the time of the call." "Returns True if q is full." "Returns the number of
// items currently in the queue."
TYPED_TEST(QueueMethods, empty_full_and_qsize_tell_of_this_moment) {
    const TypeParam queue(2);
    const auto state = [&] { return std::tuple(queue.empty(), queue.full(), queue.qsize()); };
    EXPECT_EQ(state(), std::tuple(true, false, 0u));
    queue.put(1);
    EXPECT_EQ(state(), std::tuple(false, false, 1u));
    queue.put(2);
    EXPECT_EQ(state(), std::tuple(false, true, 2u));
    static_cast<void>(queue.get_many(2));
    EXPECT_EQ(state(), std::tuple(true, false, 0u));
}

// "If q is empty, blocks until a queue item becomes available."
TYPED_TEST(QueueMethods, get_waits_for_an_item) {
    const TypeParam queue, got;
    std::jthread getter([=] { got.put(queue.get()); });
    EXPECT_THROW(static_cast<void>(got.get(20ms)), mp::Empty);
    queue.put(1);
    EXPECT_EQ(got.get(), 1);
}

// "If set to False, a Queue.Empty exception is raised if the queue is empty." "If no items become available
// in the specified time interval, a Queue.Empty exception is raised."
TYPED_TEST(QueueMethods, get_of_an_empty_queue_throws_Empty) {
    const TypeParam queue;
    const auto start = Clock::now();
    try {
        static_cast<void>(queue.get(100ms));
        FAIL();
    } catch (const mp::Empty& error) {
        test::expect_parts(error.what(), {"Queue::get", "nothing arrived"});
    }
    EXPECT_GE(Clock::now() - start, 100ms);
    EXPECT_THROW(static_cast<void>(queue.get(0s)), mp::Empty);
    EXPECT_THROW(static_cast<void>(queue.get_nowait()), mp::Empty);
}

// "If the queue is full, block until space becomes available."
TYPED_TEST(QueueMethods, put_waits_for_room) {
    const TypeParam queue(1), done;
    queue.put(1);
    std::jthread putter([=] {
        queue.put(2);
        done.put(1);
    });
    EXPECT_THROW(static_cast<void>(done.get(20ms)), mp::Empty);
    EXPECT_EQ(queue.get(), 1);
    EXPECT_EQ(done.get(), 1);
    EXPECT_EQ(queue.get(), 2);
}

// "If set to False, a Queue.Full exception is raised." "A Queue.Full exception is raised on timeout."
TYPED_TEST(QueueMethods, put_into_a_full_queue_throws_Full) {
    const TypeParam queue(1);
    queue.put(1);
    const auto start = Clock::now();
    try {
        queue.put(2, 100ms);
        FAIL();
    } catch (const mp::Full& error) {
        test::expect_parts(error.what(),
                           {"Queue::put", "full (1 of 1", "longer timeout", "larger maxsize"});
    }
    EXPECT_GE(Clock::now() - start, 100ms);
    EXPECT_THROW(queue.put(2, 0s), mp::Full);
    EXPECT_THROW(queue.put_nowait(2), mp::Full);
    EXPECT_EQ(queue.qsize(), 1u);
}

// "Closes the queue, preventing any more data from being added to it." What "has been added before is still
// written": others get it.
TYPED_TEST(QueueMethods, close_prevents_more_and_keeps_what_is_there) {
    const TypeParam queue;
    queue.put(1);
    queue.close();
    EXPECT_THROW(queue.put(2), mp::ValueError);
    EXPECT_THROW(queue.put_nowait(2), mp::ValueError);
    EXPECT_THROW(static_cast<void>(queue.try_put(2)), mp::ValueError);
    EXPECT_THROW(queue.put_many({2, 3}), mp::ValueError);
    EXPECT_EQ(queue.qsize(), 1u);
    // Closed again, it is no more than closed.
    queue.close();
}

// "A ValueError exception is raised if this is called more times than have been removed from the queue."
TEST(JoinableQueueMethods, task_done_more_often_than_items_were_removed_is_a_ValueError) {
    const mp::JoinableQueue<int> queue;
    queue.put_many({1, 2});
    EXPECT_THROW(queue.task_done(), mp::ValueError) << "put, but not removed yet";
    static_cast<void>(queue.get());
    queue.task_done();
    try {
        queue.task_done();
        FAIL();
    } catch (const mp::ValueError& error) {
        test::expect_parts(error.what(), {"JoinableQueue::task_done", "more often than items were got",
                                          "once for each item"});
    }
}

// "This blocks until q.task_done() is called for every item placed into the queue."
TEST(JoinableQueueMethods, join_waits_for_a_task_done_for_every_item) {
    const mp::JoinableQueue<int> queue;
    EXPECT_TRUE(queue.join()) << "nothing was put";
    queue.put_many({1, 2});
    EXPECT_FALSE(queue.join(10ms));
    static_cast<void>(queue.get_many(2));
    EXPECT_FALSE(queue.join(10ms)) << "got, but not done";
    queue.task_done();
    EXPECT_FALSE(queue.join(10ms)) << "one of two is done";
    queue.task_done();
    EXPECT_TRUE(queue.join());
    queue.put(3);
    EXPECT_FALSE(queue.join(10ms)) << "it may be used again";
}

// ---------------------------------------------------------------- between processes

class QueueBetweenProcesses : public test::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, QueueBetweenProcesses, test::all_start_methods(),
                         test::name_of_parameter);

template <class Q>
void hand_on(Q from, Q to) {
    to.put(0);
    to.put(from.get());
}
void put_one(mp::Queue<int> queue, int item) { queue.put(item); }

// "If a consumer is blocking on a get() operation, closing the queue in the producer does not cause the get()
// to return with an error."
template <class Q>
void close_here_while_another_gets() {
    const Q queue, results;
    mp::Process getter(hand_on<Q>, queue, results);
    getter.start();
    EXPECT_EQ(results.get(), 0);
    test::wait_until_asleep(*getter.pid());
    queue.close();
    // Closed here, it is not closed in a process that is started afterwards.
    test::run(put_one, queue, 7);
    EXPECT_EQ(results.get(), 7);
    getter.join();
    EXPECT_EQ(getter.exitcode(), 0);
}
TEST_P(QueueBetweenProcesses, close_ends_nobody_elses_get) {
    close_here_while_another_gets<mp::Queue<int>>();
    close_here_while_another_gets<mp::JoinableQueue<int>>();
}

// "This is used to wait for all queue items to be consumed after q.close() has been called." "This prevents
// the join_thread() method from blocking." A put that returned is done here, so there is nothing to lose.
void put_and_end(mp::Queue<std::vector<int>> queue, bool cancel) {
    for (int i = 0; i < 100; ++i) queue.put(std::vector<int>(1000, i));
    queue.close();
    if (cancel) queue.cancel_join_thread();
    queue.join_thread();
}
TEST_P(QueueBetweenProcesses, what_was_put_outlives_its_putter) {
    const mp::Queue<std::vector<int>> queue;
    for (const bool cancel : {false, true}) {
        test::run(put_and_end, queue, cancel);
        for (int i = 0; i < 100; ++i) EXPECT_EQ(queue.get_nowait(), std::vector<int>(1000, i));
        EXPECT_TRUE(queue.empty());
    }
}

// "Any pickle-able object can pass through a Queue."
struct Part {
    std::string name;
    std::map<std::string, std::vector<double>> measures;
    std::optional<int> number;
    bool operator==(const Part&) const = default;
};
void send_back(mp::Queue<Part> from, mp::Queue<Part> to) { to.put(from.get()); }
TEST_P(QueueBetweenProcesses, any_object_passes_through) {
    const mp::Queue<Part> out, back;
    const Part part{"bolt", {{"length", {1.5, 2.5}}, {"none", {}}}, 7};
    out.put(part);
    test::run(send_back, out, back);
    EXPECT_EQ(back.get_nowait(), part);
}

// "If desired, multiple processes can put and get items from the same queue." "The Queue allows multiple
// processes to be put in, and multiple processes to retrieve objects from the Queue."
void put_range(mp::JoinableQueue<int> queue, int first, int count) {
    for (int i = 0; i < count; ++i) queue.put(first + i);
}
void consume(mp::JoinableQueue<int> queue, mp::Queue<int> seen) {
    for (;;) {
        seen.put(queue.get());
        queue.task_done();
    }
}
TEST_P(QueueBetweenProcesses, many_put_and_many_get) {
    const mp::JoinableQueue<int> queue(3);
    const mp::Queue<int> seen;
    std::vector<mp::Process> putters, consumers;
    for (int i = 0; i < 3; ++i)
        consumers.emplace_back(mp::ProcessOptions{.daemon = true}, consume, queue, seen);
    for (int i = 0; i < 3; ++i) putters.emplace_back(put_range, queue, 100 * i, 100);
    for (auto* processes : {&consumers, &putters})
        for (mp::Process& process : *processes) process.start();
    for (mp::Process& putter : putters) putter.join();
    queue.join();
    std::vector<int> got = seen.get_many(1000), all(300);
    std::sort(got.begin(), got.end());
    std::iota(all.begin(), all.end(), 0);
    EXPECT_EQ(got, all);
    for (mp::Process& consumer : consumers) {
        consumer.terminate();
        consumer.join();
    }
}

// "The Queue is a first-in-first-out structure": what one putter put, in that order.
TEST_P(QueueBetweenProcesses, is_first_in_first_out) {
    const mp::JoinableQueue<int> queue;
    test::run(put_range, queue, 0, 1000);
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(queue.get_nowait(), i);
}

// "You will need to put a sentinel on the queue for every single consumer. If there were three consumer
// processes, the producer needs to put three sentinels on the queue."
void consume_until_the_sentinel(mp::Queue<std::optional<int>> queue, mp::Queue<int> ended) {
    while (queue.get()) {
    }
    ended.put(1);
}
TEST_P(QueueBetweenProcesses, each_consumer_needs_a_sentinel_of_its_own) {
    const mp::Queue<std::optional<int>> queue;
    const mp::Queue<int> ended;
    std::vector<mp::Process> consumers;
    for (int i = 0; i < 3; ++i) {
        consumers.emplace_back(consume_until_the_sentinel, queue, ended);
        consumers.back().start();
    }
    queue.put_many({1, 2, 3, {}, {}});
    EXPECT_EQ(ended.get() + ended.get(), 2);
    EXPECT_THROW(static_cast<void>(ended.get(20ms)), mp::Empty);
    queue.put(std::nullopt);
    for (mp::Process& consumer : consumers) {
        consumer.join();
        EXPECT_EQ(consumer.exitcode(), 0);
    }
    EXPECT_TRUE(queue.empty());
}

}  // namespace
