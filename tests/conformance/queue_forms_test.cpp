// SPDX-License-Identifier: Apache-2.0

// CPython's cases of Queue that go through every form of put and get.

#include <procession/mp.hpp>

#include <gtest/gtest.h>

#include "support/expect.hpp"
#include "support/start_methods.hpp"

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

class TestQueue : public procession::test::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, TestQueue, procession::test::all_start_methods(),
                         procession::test::name_of_parameter);

void take(mp::Queue<int> queue, mp::Queue<int> start, mp::Queue<int> done, int count) {
    static_cast<void>(start.get());
    for (int i = 0; i < count; ++i) static_cast<void>(queue.get());
    done.put(1);
}

// conformance: queue.put_forms_and_full
TEST_P(TestQueue, test_put) {
    mp::Queue<int> queue(6), start, done;
    mp::Process child({.daemon = true}, take, queue, start, done, 6);
    child.start();
    EXPECT_TRUE(queue.empty());
    EXPECT_FALSE(queue.full());

    queue.put(1);
    queue.put(2, mp::forever);
    queue.put(3, 1s);
    queue.put_nowait(4);
    EXPECT_TRUE(queue.try_put(5));
    queue.put(6, std::stop_token());
    EXPECT_FALSE(queue.empty());
    EXPECT_TRUE(queue.full());

    EXPECT_THROW(queue.put_nowait(7), mp::Full);
    EXPECT_FALSE(queue.try_put(7));
    EXPECT_THROW(queue.put(7, 0s), mp::Full);
    const auto begin = Clock::now();
    EXPECT_THROW(queue.put(7, 100ms), mp::Full);
    EXPECT_THROW(queue.put(7, 100ms, std::stop_token()), mp::Full);
    EXPECT_GE(Clock::now() - begin, 200ms);

    start.put(1);
    EXPECT_EQ(done.get(), 1);
    EXPECT_TRUE(queue.empty());
    EXPECT_FALSE(queue.full());
    child.join();
}

void put_four(mp::Queue<int> queue) { queue.put_many({2, 3, 4, 5}); }

// conformance: queue.get_forms_and_empty
TEST_P(TestQueue, test_get) {
    mp::Queue<int> queue;
    EXPECT_TRUE(queue.empty());
    mp::Process child({.daemon = true}, put_four, queue);
    child.start();
    EXPECT_EQ(queue.get(), 2);
    EXPECT_EQ(queue.get(60s), 3);
    EXPECT_EQ(queue.get(std::stop_token()), 4);
    child.join();
    EXPECT_EQ(queue.get_nowait(), 5);
    EXPECT_TRUE(queue.empty());

    EXPECT_THROW(static_cast<void>(queue.get_nowait()), mp::Empty);
    EXPECT_FALSE(queue.try_get().has_value());
    EXPECT_THROW(static_cast<void>(queue.get(0s)), mp::Empty);
    const auto begin = Clock::now();
    EXPECT_THROW(static_cast<void>(queue.get(100ms)), mp::Empty);
    EXPECT_THROW(static_cast<void>(queue.get(100ms, std::stop_token())), mp::Empty);
    EXPECT_FALSE(queue.try_get(100ms).has_value());
    EXPECT_GE(Clock::now() - begin, 300ms);
}

template <class Q>
class TestClosedQueue : public testing::Test {};
using QueuesThatClose = testing::Types<mp::Queue<int>, mp::JoinableQueue<int>>;
TYPED_TEST_SUITE(TestClosedQueue, QueuesThatClose);

// One rule for used and unused queues: what is there can be asked after close() as before.
// conformance: queue.empty_when_closed
TYPED_TEST(TestClosedQueue, test_closed_queue_empty_exceptions) {
    const TypeParam unused, used;
    used.put(1);
    for (const auto* queue : {&unused, &used}) {
        queue->close();
        queue->join_thread();
    }
    EXPECT_TRUE(unused.empty());
    EXPECT_FALSE(used.empty());
    EXPECT_EQ(used.qsize(), 1u);
}

// conformance: queue.put_get_when_closed
TYPED_TEST(TestClosedQueue, test_closed_queue_put_get_exceptions) {
    const TypeParam queue;
    queue.close();
    try {
        queue.put(1);
        FAIL();
    } catch (const mp::ValueError& error) {
        procession::test::expect_parts(error.what(), {"Queue::put", "is closed"});
    }
    try {
        static_cast<void>(queue.get());
        FAIL();
    } catch (const mp::ValueError& error) {
        procession::test::expect_parts(error.what(), {"Queue::get", "is closed"});
    }
}

}  // namespace
