// SPDX-License-Identifier: Apache-2.0
#include <procession/mp.hpp>

#include <gtest/gtest.h>

#include <thread>

namespace {

using namespace std::chrono_literals;

TEST(Queue, gives_back_items_in_their_order) {
    mp::Queue<std::string> queue;
    for (int i = 0; i < 1000; ++i) queue.put(std::string(static_cast<std::size_t>(i), 'x'));
    EXPECT_EQ(queue.qsize(), 1000u);
    for (std::size_t i = 0; i < 1000; ++i) EXPECT_EQ(queue.get().size(), i);
    EXPECT_TRUE(queue.empty());
}

TEST(Queue, holds_no_more_than_maxsize) {
    mp::Queue<int> queue(1);
    queue.put(1);
    EXPECT_TRUE(queue.full());
    EXPECT_FALSE(queue.try_put(2));
    EXPECT_THROW(queue.put_nowait(2), mp::Full);
    EXPECT_THROW(queue.put(2, 1ms), mp::Full);
    std::jthread getter([queue] { EXPECT_EQ(queue.get(), 1); });
    queue.put(2);
    EXPECT_EQ(queue.get(), 2);
}

// conformance: queue.get_timeout
TEST(Queue, get_on_an_empty_queue_throws_Empty_no_sooner_than_the_limit) {
    mp::Queue<int> queue;
    const auto start = std::chrono::steady_clock::now();
    EXPECT_THROW(static_cast<void>(queue.get(100ms)), mp::Empty);
    EXPECT_GE(std::chrono::steady_clock::now() - start, 100ms);
    EXPECT_THROW(static_cast<void>(queue.get_nowait()), mp::Empty);
    EXPECT_FALSE(queue.try_get().has_value());
}

// conformance: queue.qsize
TEST(Queue, qsize_counts_the_items) {
    mp::Queue<int> queue;
    EXPECT_EQ(queue.qsize(), 0u);
    queue.put(1);
    queue.put(5);
    EXPECT_EQ(queue.qsize(), 2u);
    EXPECT_EQ(queue.get() + queue.get(), 6);
    EXPECT_EQ(queue.qsize(), 0u);
}

TEST(Queue, copies_are_the_same_queue_and_travel_in_messages) {
    mp::Queue<mp::Queue<int>> queues;
    {
        mp::Queue<int> inner;
        queues.put(inner);
        inner.put(42);
    }
    EXPECT_EQ(queues.get().get(), 42);
}

TEST(Queue, of_another_type_is_a_TypeMismatch_that_names_both) {
    mp::Queue<int> queue;
    try {
        mp::Queue<double> other{static_cast<mp::detail::Handle>(queue)};
        FAIL();
    } catch (const mp::TypeMismatch& error) {
        EXPECT_NE(std::string(error.what()).find("Queue<double>"), std::string::npos);
        EXPECT_NE(std::string(error.what()).find("Queue<int>"), std::string::npos);
    }
}

// conformance: queue.put_get_when_closed
TEST(Queue, closed_here_throws_ValueError) {
    mp::Queue<int> queue;
    queue.close();
    try {
        queue.put(1);
        FAIL();
    } catch (const mp::ValueError& error) {
        EXPECT_NE(std::string(error.what()).find("is closed"), std::string::npos);
    }
    EXPECT_THROW(static_cast<void>(queue.get()), mp::ValueError);
}

TEST(Queue, shut_down_ends_the_stream_once_drained) {
    mp::Queue<int> queue;
    queue.put_many({1, 2, 3});
    queue.shutdown();
    EXPECT_THROW(queue.put(4), mp::ShutDown);
    int sum = 0;
    for (const int item : queue) sum += item;
    EXPECT_EQ(sum, 6);
    EXPECT_THROW(static_cast<void>(queue.get()), mp::ShutDown);
}

TEST(Queue, shutdown_wakes_those_who_wait) {
    mp::Queue<int> queue;
    std::jthread getter([queue] { EXPECT_THROW(static_cast<void>(queue.get()), mp::ShutDown); });
    queue.shutdown();
}

TEST(Queue, a_stop_request_ends_the_wait) {
    mp::Queue<int> queue;
    std::jthread getter([queue](std::stop_token stop) {
        EXPECT_THROW(static_cast<void>(queue.get(stop)), mp::CancelledError);
    });
    getter.request_stop();
}

struct Unserializable {
    int value = 0;
    template <class A>
    void save(A&) const {
        if (value < 0) throw mp::SerializationError("Unserializable: negative");
    }
    template <class A>
    void load(A&) {}
};

// conformance: queue.unserializable_item_skipped
TEST(Queue, an_item_that_cannot_be_sent_leaves_it_untouched) {
    mp::Queue<Unserializable> queue(1);
    EXPECT_THROW(queue.put({-1}), mp::SerializationError);
    EXPECT_EQ(queue.qsize(), 0u);
    queue.put({1});
    EXPECT_EQ(queue.qsize(), 1u);
    static_cast<void>(queue.get());
    EXPECT_TRUE(queue.empty());
}

TEST(Queue, many_threads_of_one_process_may_wait_at_once) {
    mp::Queue<int> items, results;
    std::vector<std::jthread> getters;
    for (int i = 0; i < 64; ++i) getters.emplace_back([items, results] { results.put(items.get()); });
    for (int i = 0; i < 64; ++i) items.put(i);
    int sum = 0;
    for (int i = 0; i < 64; ++i) sum += results.get();
    EXPECT_EQ(sum, 63 * 64 / 2);
}

}  // namespace
