// SPDX-License-Identifier: Apache-2.0
#include "managers/managed_queue.hpp"

#include <gtest/gtest.h>
#include <procession/error.hpp>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <list>
#include <regex>
#include <thread>
#include <vector>

#include "support/expect.hpp"
#include "support/managed_client.hpp"
#include "support/thrown.hpp"
#include "support/warnings.hpp"

namespace {

using procession::CancelledError;
using procession::Empty;
using procession::Full;
using procession::Object;
using procession::ShutDown;
using procession::ValueError;
using procession::managers::ManagedJoinableQueue;
using procession::managers::ManagedQueue;
using procession::managers::Referent;
using procession::test::expect_parts;
using procession::test::make_managed;
using procession::test::ManagedClient;
using procession::test::SleepingCall;
using procession::test::thrown;

class ManagedQueueTest : public testing::Test {
  protected:
    ManagedQueueTest(std::shared_ptr<Referent> made = make_managed<ManagedQueue>({2})) : queue(made) {}
    std::shared_ptr<Referent> queue;
    ManagedClient one{"Worker-1"}, other{"Worker-2"}, putter{"MainProcess"};

    void put(std::initializer_list<int> items) {
        for (const int item : items) putter.call(*queue, "put", {item});
    }
    std::int64_t qsize() { return putter.call(*queue, "qsize").as<std::int64_t>(); }
};

class ManagedJoinableQueueTest : public ManagedQueueTest {
  protected:
    ManagedJoinableQueueTest() : ManagedQueueTest(make_managed<ManagedJoinableQueue>()) {}
};

TEST_F(ManagedQueueTest, gives_what_was_put_in_order) {
    EXPECT_EQ(putter.call(*queue, "empty"), Object(true));
    EXPECT_EQ(putter.call(*queue, "put", {5}), Object());
    EXPECT_EQ(putter.call(*queue, "put_nowait", {"six"}), Object());
    EXPECT_EQ(qsize(), 2);
    EXPECT_EQ(putter.call(*queue, "full"), Object(true));
    EXPECT_EQ(one.call(*queue, "get"), Object(5));
    EXPECT_EQ(other.call(*queue, "get_nowait"), Object("six"));
    EXPECT_EQ(putter.call(*queue, "empty"), Object(true));
    EXPECT_EQ(putter.call(*queue, "full"), Object(false));
}

TEST_F(ManagedQueueTest, is_full_and_empty_in_time) {
    EXPECT_EQ(thrown<Empty>([&] { one.call(*queue, "get", {false}); }),
              "Queue::get: nothing arrived in time");
    EXPECT_THROW(one.call(*queue, "get_nowait"), Empty);
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_THROW(one.call(*queue, "get", {true, 0.05}), Empty);
    put({1, 2});
    EXPECT_THROW(one.call(*queue, "put", {3, true, 0.05}), Full);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(100));
    EXPECT_EQ(
        thrown<Full>([&] { one.call(*queue, "put_nowait", {3}); }),
        "Queue::put_nowait: full (2 of 2 items). Use a longer timeout, or construct it with a larger "
        "maxsize.");
    Object keywords = Object::dict();
    keywords.set("timeout", 0);
    keywords.set("item", 3);
    EXPECT_THROW(one.call(*queue, "put", {}, keywords), Full);
}

TEST_F(ManagedQueueTest, has_no_limit_of_zero_or_less) {
    for (const int maxsize : {0, -1}) {
        queue = make_managed<ManagedQueue>({maxsize});
        for (int i = 0; i < 100; ++i) putter.call(*queue, "put_nowait", {i});
        EXPECT_EQ(putter.call(*queue, "full"), Object(false));
    }
}

TEST_F(ManagedQueueTest, who_waits_gets_what_is_put) {
    SleepingCall first(one, queue, "get"), second(other, queue, "get");
    put({1, 2});
    const Object a = first.result(), b = second.result();
    EXPECT_TRUE((a == Object(1) && b == Object(2)) || (a == Object(2) && b == Object(1)));
}

TEST_F(ManagedQueueTest, who_waits_for_room_puts_when_there_is_some) {
    put({1, 2});
    SleepingCall third(other, queue, "put", {3}), fourth(putter, queue, "put", {4});
    EXPECT_EQ(one.call(*queue, "get_many", {2}), Object::list({1, 2}));
    third.result();
    fourth.result();
    EXPECT_EQ(qsize(), 2);
}

TEST_F(ManagedQueueTest, many_go_at_once) {
    queue = make_managed<ManagedQueue>();
    putter.call(*queue, "put_many", {Object::list({1, 2, 3})});
    putter.call(*queue, "put_many", {Object::tuple()});
    EXPECT_EQ(one.call(*queue, "get_many", {2}), Object::list({1, 2}));
    EXPECT_EQ(one.call(*queue, "get_many", {5, true, 1.0}), Object::list({3}));
    EXPECT_EQ(one.call(*queue, "get_many", {0}), Object::list());
    EXPECT_THROW(one.call(*queue, "get_many", {5, false}), Empty);
    EXPECT_THROW(putter.call(*queue, "put_many", {7}), procession::TypeMismatch);
}

TEST_F(ManagedQueueTest, put_many_waits_for_room_and_wakes_all_who_wait) {
    std::list<SleepingCall> getters;
    for (int i = 0; i < 3; ++i) getters.emplace_back(ManagedClient("Worker"), queue, "get");
    SleepingCall putting(putter, queue, "put_many", {Object::list({1, 2, 3, 4, 5, 6})});
    int sum = 0;
    for (SleepingCall& each : getters) sum += each.result().as<int>();
    while (sum < 21) sum += one.call(*queue, "get").as<int>();
    putting.result();
    EXPECT_EQ(sum, 21);
}

TEST_F(ManagedQueueTest, a_stop_request_ends_a_wait_and_what_is_there_is_taken_even_then) {
    SleepingCall getting(one, queue, "get");
    getting.stop();
    EXPECT_EQ(thrown<CancelledError>([&] { getting.result(); }), "Queue::get: the wait was stopped");
    put({1, 2});
    SleepingCall putting(other, queue, "put", {3});
    putting.stop();
    EXPECT_EQ(thrown<CancelledError>([&] { putting.result(); }), "Queue::put: the wait was stopped");
    EXPECT_EQ(one.call(*queue, "get"), Object(1));
    EXPECT_EQ(other.call(*queue, "put", {4}), Object());
}

// Fails where an item is taken by one that then throws, or wakes nobody else.
TEST_F(ManagedQueueTest, no_item_is_lost_to_one_that_is_stopped_meanwhile) {
    for (int round = 0; round < 50; ++round) {
        SleepingCall stopped(ManagedClient("Worker-1"), queue, "get"),
            next(ManagedClient("Worker-2"), queue, "get");
        std::jthread stopper([&] { stopped.stop(); });
        put({1});
        try {
            stopped.result();
            put({1});
        } catch (const CancelledError&) {
        }
        EXPECT_EQ(next.result(), Object(1));
        EXPECT_EQ(qsize(), 0);
    }
}

TEST_F(ManagedQueueTest, shutdown_ends_the_stream_once_it_is_drained) {
    put({1, 2});
    SleepingCall putting(other, queue, "put", {3});
    putter.call(*queue, "shutdown");
    EXPECT_EQ(thrown<ShutDown>([&] { putting.result(); }), "Queue::put: the queue was shut down");
    EXPECT_THROW(putter.call(*queue, "put_many", {Object::list({1})}), ShutDown);
    EXPECT_EQ(one.call(*queue, "get_many", {5}), Object::list({1, 2}));
    EXPECT_EQ(thrown<ShutDown>([&] { one.call(*queue, "get"); }),
              "Queue::get: the queue was shut down and is empty");
    EXPECT_THROW(one.call(*queue, "get_nowait"), ShutDown);
}

TEST_F(ManagedQueueTest, immediate_shutdown_drops_what_is_there_and_ends_all_waits) {
    put({1, 2});
    SleepingCall joining(one, queue, "join"), putting(other, queue, "put", {3});
    putter.call(*queue, "shutdown", {true});
    EXPECT_EQ(joining.result(), Object());
    EXPECT_THROW(putting.result(), ShutDown);
    EXPECT_THROW(one.call(*queue, "get"), ShutDown);

    queue = make_managed<ManagedQueue>();
    SleepingCall getting(one, queue, "get");
    putter.call(*queue, "shutdown");
    EXPECT_THROW(getting.result(), ShutDown);
}

TEST_F(ManagedQueueTest, join_waits_until_so_many_are_done_as_were_put) {
    EXPECT_EQ(putter.call(*queue, "join"), Object());
    put({1, 2});
    EXPECT_EQ(putter.call(*queue, "join", {0.01}), Object(false));
    SleepingCall joining(putter, queue, "join");
    one.call(*queue, "get");
    one.call(*queue, "task_done");
    other.call(*queue, "task_done");
    EXPECT_EQ(joining.result(), Object());
    expect_parts(thrown<ValueError>([&] { one.call(*queue, "task_done"); }),
                 {"Queue::task_done: called more often than items were got"});
}

TEST_F(ManagedQueueTest, a_join_that_is_stopped_ends) {
    put({1});
    SleepingCall joining(putter, queue, "join");
    joining.stop();
    EXPECT_EQ(thrown<CancelledError>([&] { joining.result(); }), "Queue::join: the wait was stopped");
}

TEST_F(ManagedQueueTest, what_a_client_took_is_gone_with_it) {
    put({1, 2});
    one.call(*queue, "get");
    one.die(*queue);
    EXPECT_EQ(other.call(*queue, "get"), Object(2));
    EXPECT_EQ(qsize(), 0);
}

TEST_F(ManagedQueueTest, prints_where_it_is_and_cannot_be_copied) {
    EXPECT_TRUE(std::regex_match(queue->to_string(), std::regex("<Queue at 0x[0-9a-f]+>")));
    EXPECT_THROW(static_cast<void>(queue->value()), procession::TypeMismatch);
}

TEST_F(ManagedJoinableQueueTest, items_of_one_that_died_go_to_the_next_before_all_others) {
    put({1, 2, 3, 4});
    EXPECT_EQ(one.call(*queue, "get"), Object(1));
    EXPECT_EQ(other.call(*queue, "get"), Object(2));
    EXPECT_EQ(one.new_thread().call(*queue, "get"), Object(3));
    one.die(*queue);
    EXPECT_EQ(qsize(), 3);
    EXPECT_EQ(other.call(*queue, "get_delivery"), Object::tuple({1, 1}));
    EXPECT_EQ(other.call(*queue, "get_delivery"), Object::tuple({3, 1}));
    EXPECT_EQ(other.call(*queue, "get_delivery"), Object::tuple({4, 0}));
    EXPECT_EQ(putter.call(*queue, "join", {0}), Object(false));
    for (int i = 0; i < 4; ++i) other.call(*queue, "task_done");
    EXPECT_EQ(putter.call(*queue, "join"), Object());
}

TEST_F(ManagedJoinableQueueTest, who_waits_for_an_item_gets_that_of_one_that_died) {
    put({1, 2});
    one.call(*queue, "get_many", {2});
    SleepingCall first(other, queue, "get"), second(ManagedClient("Worker-3"), queue, "get");
    one.die(*queue);
    EXPECT_EQ(first.result().as<int>() + second.result().as<int>(), 3);
}

TEST_F(ManagedJoinableQueueTest, what_one_said_is_done_is_not_given_again) {
    put({1, 2});
    one.call(*queue, "get");
    one.call(*queue, "get");
    one.call(*queue, "task_done");
    one.die(*queue);
    EXPECT_EQ(other.call(*queue, "get"), Object(2));
    EXPECT_EQ(qsize(), 0);
}

TEST_F(ManagedJoinableQueueTest, task_done_means_the_threads_own_then_the_clients_then_any) {
    put({1, 2, 3});
    const ManagedClient sibling = one.new_thread();
    other.call(*queue, "get");
    sibling.call(*queue, "get");
    one.call(*queue, "get");
    one.call(*queue, "task_done");
    one.call(*queue, "task_done");
    one.die(*queue);
    EXPECT_EQ(qsize(), 0);
    putter.call(*queue, "task_done");
    EXPECT_EQ(putter.call(*queue, "join", {0}), Object(true));
    other.die(*queue);
    EXPECT_EQ(qsize(), 0);
    EXPECT_EQ(
        thrown<ValueError>([&] { putter.call(*queue, "task_done"); }),
        "JoinableQueue::task_done: called more often than items were got. Call it once for each item, "
        "after get().");
}

TEST_F(ManagedJoinableQueueTest, task_done_does_not_mean_another_clients_thread_of_that_number) {
    put({1, 2});
    other.call(*queue, "get");
    one.call(*queue, "get");
    one.call(*queue, "task_done");
    one.die(*queue);
    EXPECT_EQ(qsize(), 0);
    other.die(*queue);
    EXPECT_EQ(one.call(*queue, "get"), Object(1));
}

TEST_F(ManagedJoinableQueueTest, what_one_took_that_ended_stays_in_flight) {
    put({1});
    one.call(*queue, "get");
    one.end(*queue);
    EXPECT_EQ(qsize(), 0);
    EXPECT_EQ(putter.call(*queue, "join", {0}), Object(false));
    other.call(*queue, "task_done");
    EXPECT_EQ(putter.call(*queue, "join"), Object());
}

TEST_F(ManagedJoinableQueueTest, an_item_that_costs_too_many_lives_is_lost_and_join_ends) {
    queue = make_managed<ManagedJoinableQueue>({0, 2});
    const procession::test::Warnings warnings;
    put({1});
    SleepingCall joining(putter, queue, "join");
    one.call(*queue, "get");
    one.die(*queue);
    EXPECT_EQ(putter.call(*queue, "lost"), Object(0));
    EXPECT_EQ(other.call(*queue, "get_delivery"), Object::tuple({1, 1}));
    other.die(*queue);
    EXPECT_EQ(joining.result(), Object());
    EXPECT_EQ(putter.call(*queue, "lost"), Object(1));
    EXPECT_EQ(qsize(), 0);
    EXPECT_EQ(warnings.count(), 1u);
    expect_parts(warnings.text(),
                 {"JoinableQueue: an item is lost: 2 client(s)", "process \"Worker-2\""});
    EXPECT_EQ(thrown<ValueError>([] {
                  make_managed<ManagedJoinableQueue>({0, 0});
              }),
              "JoinableQueue: max_deliveries is 0; it must be 1 or more");
}

TEST_F(ManagedJoinableQueueTest, each_item_is_done_once_whoever_dies_meanwhile) {
    constexpr int items = 300;
    std::vector<std::atomic<int>> done(items);
    // Every third one costs the first that gets it its life.
    const auto consume = [&] {
        try {
            for (ManagedClient client("Worker");;) {
                const Object delivery = client.call(*queue, "get_delivery");
                const int item = delivery[0].as<int>();
                if (item % 3 == 0 && delivery[1] == Object(0)) {
                    client.die(*queue);
                    client = ManagedClient("Worker");
                    continue;
                }
                ++done[static_cast<std::size_t>(item)];
                client.call(*queue, "task_done");
            }
        } catch (const ShutDown&) {
        }
    };
    std::vector<std::jthread> consumers;
    for (int i = 0; i < 4; ++i) consumers.emplace_back(consume);
    for (int item = 0; item < items; ++item) putter.call(*queue, "put", {item});
    putter.call(*queue, "join");
    putter.call(*queue, "shutdown");
    consumers.clear();
    for (const auto& times : done) EXPECT_EQ(times, 1);
    EXPECT_EQ(putter.call(*queue, "lost"), Object(0));
}

TEST_F(ManagedJoinableQueueTest, shutdown_drops_what_waits_to_be_given_again) {
    put({1, 2});
    one.call(*queue, "get");
    one.die(*queue);
    putter.call(*queue, "shutdown", {true});
    EXPECT_EQ(putter.call(*queue, "join", {0}), Object(true));
    EXPECT_THROW(other.call(*queue, "get"), ShutDown);
}

}  // namespace
