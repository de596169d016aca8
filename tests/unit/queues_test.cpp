// SPDX-License-Identifier: Apache-2.0
#include <procession/queues.hpp>

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <memory>
#include <thread>

#include "heap/heap.hpp"
#include "support/child.hpp"
#include "support/expect.hpp"

namespace {

using namespace std::chrono_literals;
using procession::heap::Heap;
namespace test = procession::test;

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

/// Has a thread wait by that call, and stops it.
template <class Call>
void expect_stopped(const char* object_and_method, Call call) {
    std::jthread waiter([&](std::stop_token stop) {
        try {
            call(stop);
            ADD_FAILURE() << object_and_method << " was not stopped";
        } catch (const mp::CancelledError& error) {
            test::expect_parts(error.what(), {object_and_method, "stopped"});
        }
    });
    waiter.request_stop();
}

TEST(Queue, a_stop_request_ends_the_wait_for_an_item) {
    const mp::Queue<std::string> queue;
    expect_stopped("Queue::get", [&](auto stop) { static_cast<void>(queue.get(stop)); });
    expect_stopped("Queue::get", [&](auto stop) { static_cast<void>(queue.get(60s, stop)); });
    expect_stopped("Queue::get", [&](auto stop) { static_cast<void>(queue.try_get(60s, stop)); });
    expect_stopped("Queue::get_many", [&](auto stop) { static_cast<void>(queue.get_many(3, stop)); });
    expect_stopped("Queue::get", [&](auto stop) { static_cast<void>(queue.get_view(stop)); });
    const mp::JoinableQueue<int> joinable;
    expect_stopped("JoinableQueue::get",
                   [&](auto stop) { static_cast<void>(joinable.get_delivery(stop)); });
    const mp::SimpleQueue<int> simple;
    expect_stopped("SimpleQueue::get", [&](auto stop) { static_cast<void>(simple.get(stop)); });
}

TEST(Queue, a_stop_request_ends_the_wait_for_room) {
    const mp::Queue<std::string> queue(1);
    queue.put("first");
    expect_stopped("Queue::put", [&](auto stop) { queue.put("second", stop); });
    expect_stopped("Queue::put", [&](auto stop) { queue.put("second", 60s, stop); });
    auto reserved = queue.reserve(1);
    reserved.span()[0] = 'x';
    expect_stopped("Queue::put",
                   [&](auto stop) { queue.commit(std::move(reserved), mp::forever, stop); });
    EXPECT_EQ(queue.get(), "first");
    EXPECT_TRUE(queue.empty());
    // What was stopped is the caller's still.
    queue.commit(std::move(reserved));
    EXPECT_EQ(queue.get(), "x");
    expect_stopped("Queue::put_many", [&](auto stop) { queue.put_many({"second", "third"}, stop); });
    EXPECT_EQ(queue.get(), "second") << "there was room for one";
    EXPECT_TRUE(queue.empty());
}

TEST(Queue, who_is_stopped_already_waits_no_more_and_what_needs_no_wait_is_done) {
    const mp::Queue<int> queue(1);
    std::stop_source source;
    source.request_stop();
    queue.put(1, source.get_token());
    EXPECT_THROW(queue.put(2, source.get_token()), mp::CancelledError);
    EXPECT_EQ(queue.get(source.get_token()), 1);
    EXPECT_THROW(static_cast<void>(queue.get(source.get_token())), mp::CancelledError);
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

// ---------------------------------------------------------------- views

template <class T>
concept viewable = requires(const mp::Queue<T>& queue) {
    queue.get_view();
    queue.reserve(1);
};
static_assert(viewable<std::string> && viewable<std::u16string> && viewable<std::vector<double>> &&
              viewable<std::vector<std::byte>>);
static_assert(!viewable<int> && !viewable<std::vector<bool>> && !viewable<std::vector<std::string>> &&
              !viewable<std::optional<std::string>>);

template <class T>
class QueueOfSequences : public testing::Test {
  protected:
    static T sequence(std::size_t size) {
        T made(size, {});
        for (std::size_t i = 0; i < size; ++i) made[i] = static_cast<typename T::value_type>(i);
        return made;
    }
    /// In a record, at the edge of that, in a block, in a large one.
    static constexpr std::size_t sizes[] = {0, 1, 3, 127, 128, 1016, 1017, 5000, 1'000'000};
    const std::uint64_t blocks = Heap::program().usage().blocks;
    std::optional<mp::Queue<T>> queue{std::in_place};

    void TearDown() override {
        queue.reset();
        EXPECT_EQ(Heap::program().usage().blocks, blocks);
    }
};
using Sequences = testing::Types<std::string, std::vector<std::byte>, std::vector<double>>;
TYPED_TEST_SUITE(QueueOfSequences, Sequences);

TYPED_TEST(QueueOfSequences, a_view_shows_what_was_put) {
    for (const std::size_t size : this->sizes) {
        const TypeParam sent = this->sequence(size);
        this->queue->put(sent);
        const auto view = this->queue->get_view();
        ASSERT_EQ(view.size(), size);
        EXPECT_TRUE(std::ranges::equal(view, sent));
        EXPECT_TRUE(std::ranges::equal(view.span(), sent));
        EXPECT_TRUE(std::ranges::equal(view.bytes(), std::as_bytes(std::span(sent))));
    }
    EXPECT_TRUE(this->queue->empty());
}

TYPED_TEST(QueueOfSequences, a_view_that_was_moved_shows_the_same) {
    for (const std::size_t size : this->sizes) {
        const TypeParam sent = this->sequence(size);
        this->queue->put(sent);
        auto held = [&] {
            auto view = this->queue->get_view();
            return std::make_unique<decltype(view)>(std::move(view));
        }();
        const auto view = std::move(*held);
        held.reset();
        EXPECT_TRUE(std::ranges::equal(view, sent));
    }
}

TYPED_TEST(QueueOfSequences, a_view_outlives_queue_and_later_messages) {
    for (const std::size_t size : {3, 5000}) {
        const TypeParam sent = this->sequence(size);
        this->queue->put(sent);
        const auto view = this->queue->get_view();
        for (int i = 0; i < 100; ++i) {
            this->queue->put(TypeParam(size, {}));
            static_cast<void>(this->queue->get());
        }
        this->queue.emplace();
        EXPECT_TRUE(std::ranges::equal(view, sent));
    }
}

TYPED_TEST(QueueOfSequences, what_was_reserved_and_written_is_got_as_any_item) {
    for (const std::size_t size : this->sizes) {
        const TypeParam sent = this->sequence(size);
        for (int i = 0; i < 2; ++i) {
            auto message = this->queue->reserve(size);
            ASSERT_EQ(message.span().size(), size);
            EXPECT_EQ(message.bytes().size(), message.span().size_bytes());
            std::ranges::copy(sent, message.span().begin());
            this->queue->commit(std::move(message));
        }
        EXPECT_EQ(this->queue->get(), sent);
        EXPECT_TRUE(std::ranges::equal(this->queue->get_view(), sent));
    }
}

TYPED_TEST(QueueOfSequences, what_was_reserved_and_not_committed_goes) {
    for (const std::size_t size : this->sizes) static_cast<void>(this->queue->reserve(size));
    EXPECT_TRUE(this->queue->empty());
}

TYPED_TEST(QueueOfSequences, more_than_any_memory_cannot_be_reserved) {
    using E = typename TypeParam::value_type;
    constexpr std::size_t most = -1;
    // With more of them than `most / sizeof(E)`, their size is more than a number can say.
    for (const std::size_t count :
         {most, most / 2, most / sizeof(E), most / sizeof(E) / 2 + 1, most >> 20})
        EXPECT_THROW(static_cast<void>(this->queue->reserve(count)), mp::HeapExhausted) << count;
}

TYPED_TEST(QueueOfSequences, a_view_of_an_empty_queue_is_Empty) {
    EXPECT_THROW(static_cast<void>(this->queue->get_view(0s)), mp::Empty);
    EXPECT_THROW(static_cast<void>(this->queue->get_view(1ms)), mp::Empty);
}

TEST(Queue, commit_that_finds_it_full_may_be_tried_again_and_twice_is_a_ValueError) {
    const mp::Queue<std::string> queue(1);
    queue.put("first");
    auto message = queue.reserve(6);
    std::ranges::copy(std::string("second"), message.span().begin());
    EXPECT_THROW(queue.commit(std::move(message), 0s), mp::Full);
    EXPECT_THROW(queue.commit(std::move(message), 1ms), mp::Full);
    EXPECT_EQ(queue.get(), "first");
    queue.commit(std::move(message));
    EXPECT_EQ(queue.get(), "second");
    try {
        queue.commit(std::move(message));
        FAIL();
    } catch (const mp::ValueError& error) {
        test::expect_parts(error.what(), {"Queue::commit", "committed before"});
    }
    EXPECT_TRUE(queue.empty());
}

TEST(Queue, a_view_and_what_is_reserved_cross_processes) {
    const mp::Queue<std::vector<double>> queue, back;
    const auto child = [&] {
        const auto view = queue.get_view();
        auto message = back.reserve(view.size());
        std::ranges::transform(view, message.span().begin(), [](double x) { return 2 * x; });
        back.commit(std::move(message));
    };
    for (const std::size_t size : {3, 100'000}) {
        queue.put(std::vector<double>(size, 1.5));
        EXPECT_EQ(test::in_child(child), 0);
        EXPECT_EQ(back.get(0s), std::vector<double>(size, 3.0));
    }
}

// The parent's memory is freed by the parent alone.
template <class Q>
void expect_inherited_memory_untouched() {
    const Q queue;
    const std::string sent(5000, 'x');
    queue.put(sent);
    std::optional view(queue.get_view());
    std::optional reserved(queue.reserve(5000));
    std::ranges::copy(sent, reserved->span().begin());
    EXPECT_EQ(test::in_child([&] {
                  view.reset();
                  reserved.reset();
                  for (int i = 0; i < 10; ++i) queue.put(std::string(5000, 'y'));
              }),
              0);
    if constexpr (requires { queue.task_done(); }) queue.task_done();
    for (int i = 0; i < 10; ++i) queue.put(std::string(5000, 'z'));
    EXPECT_TRUE(std::ranges::equal(*view, sent));
    queue.commit(std::move(*reserved));
    EXPECT_EQ(queue.get_many(100).back(), sent);
}
TEST(Queue, a_view_and_what_is_reserved_are_not_a_forked_childs) {
    expect_inherited_memory_untouched<mp::Queue<std::string>>();
    expect_inherited_memory_untouched<mp::JoinableQueue<std::string>>();
}

// ---------------------------------------------------------------- SimpleQueue

TEST(SimpleQueue, gives_back_items_in_their_order) {
    const mp::SimpleQueue<std::string> queue;
    EXPECT_TRUE(queue.empty());
    for (const std::size_t size : {1, 10'000, 2}) queue.put(std::string(size, 'x'));
    EXPECT_FALSE(queue.empty());
    for (const std::size_t size : {1, 10'000, 2}) EXPECT_EQ(queue.get().size(), size);
    EXPECT_TRUE(queue.empty());
}

TEST(SimpleQueue, get_waits_for_an_item_or_for_its_limit) {
    const mp::SimpleQueue<int> queue;
    const auto start = std::chrono::steady_clock::now();
    try {
        static_cast<void>(queue.get(50ms));
        FAIL();
    } catch (const mp::Empty& error) {
        test::expect_parts(error.what(), {"SimpleQueue::get", "nothing arrived"});
    }
    EXPECT_GE(std::chrono::steady_clock::now() - start, 50ms);
    std::jthread putter([queue] { queue.put(1); });
    EXPECT_EQ(queue.get(), 1);
}

TEST(SimpleQueue, closed_here_throws_ValueError) {
    const mp::SimpleQueue<int> queue;
    queue.close();
    const auto expect_closed = [](const char* what, auto call) {
        try {
            call();
            FAIL() << what;
        } catch (const mp::ValueError& error) {
            test::expect_parts(error.what(), {what, "is closed"});
        }
    };
    expect_closed("SimpleQueue::put", [&] { queue.put(1); });
    expect_closed("SimpleQueue::get", [&] { static_cast<void>(queue.get()); });
    expect_closed("SimpleQueue::empty", [&] { static_cast<void>(queue.empty()); });
}

TEST(SimpleQueue, is_a_way_to_see_any_queue_of_such_items) {
    const mp::Queue<mp::SimpleQueue<int>> letters;
    {
        const mp::SimpleQueue<int> inner;
        letters.put(inner);
        inner.put(42);
    }
    EXPECT_EQ(letters.get().get(), 42);
    const mp::Queue<int> queue;
    queue.put(1);
    EXPECT_EQ(mp::SimpleQueue<int>(static_cast<mp::detail::Handle>(queue)).get(), 1);
    EXPECT_THROW(mp::SimpleQueue<double>(static_cast<mp::detail::Handle>(queue)), mp::TypeMismatch);
}

}  // namespace
