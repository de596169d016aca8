// SPDX-License-Identifier: Apache-2.0
#include <procession/queue_proxy.hpp>

#include <gtest/gtest.h>
#include <procession/error.hpp>

#include <chrono>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "support/manager.hpp"

namespace {

using namespace std::chrono_literals;
using procession::Empty;
using procession::Full;
using procession::JoinableQueueProxy;
using procession::QueueProxy;
using procession::ShutDown;
using Clock = std::chrono::steady_clock;
namespace test = procession::test;

using QueueProxyTest = test::WithManager;
using JoinableQueueProxyTest = test::WithManager;

TEST_F(QueueProxyTest, gives_items_in_the_order_in_which_they_were_put) {
    const QueueProxy<std::string> q = manager_.Queue<std::string>();
    q.put("a");
    q.put_nowait("b");
    EXPECT_TRUE(q.try_put("c"));
    EXPECT_EQ(q.qsize(), 3u);
    EXPECT_EQ(q.get(), "a");
    EXPECT_EQ(q.get_nowait(), "b");
    EXPECT_EQ(q.try_get(), "c");
    EXPECT_EQ(q.try_get(), std::nullopt);
    EXPECT_TRUE(q.empty());
}

TEST_F(QueueProxyTest, a_full_one_takes_no_more) {
    const auto q = manager_.Queue<int>(1);
    q.put(1);
    EXPECT_TRUE(q.full());
    EXPECT_FALSE(q.try_put(2));
    EXPECT_THROW(q.put_nowait(2), Full);
    const auto begin = Clock::now();
    EXPECT_THROW(q.put(2, 50ms), Full);
    EXPECT_GE(Clock::now() - begin, 50ms);
}

TEST_F(QueueProxyTest, an_empty_one_gives_nothing) {
    const auto q = manager_.Queue<int>();
    EXPECT_THROW(static_cast<void>(q.get_nowait()), Empty);
    const auto begin = Clock::now();
    EXPECT_THROW(static_cast<void>(q.get(50ms)), Empty);
    EXPECT_EQ(q.try_get(1ms), std::nullopt);
    EXPECT_GE(Clock::now() - begin, 51ms);
}

TEST_F(QueueProxyTest, many_items_go_in_one_call) {
    const auto q = manager_.Queue<int>();
    q.put_many({1, 2, 3});
    q.put_many(std::vector<short>{4});
    EXPECT_EQ(q.get_many(3), (std::vector<int>{1, 2, 3}));
    EXPECT_EQ(q.get_many(3, 1s), std::vector<int>{4});
    EXPECT_EQ(q.get_many(0), std::vector<int>());
    EXPECT_THROW(static_cast<void>(q.get_many(1, 1ms)), Empty);
}

TEST_F(QueueProxyTest, is_iterated_over_until_it_is_shut_down) {
    const auto q = manager_.Queue<int>();
    q.put_many({1, 2});
    q.shutdown();
    std::vector<int> seen;
    for (const int each : q) seen.push_back(each);
    EXPECT_EQ(seen, (std::vector<int>{1, 2}));
    EXPECT_THROW(q.put(3), ShutDown);
    EXPECT_THROW(static_cast<void>(q.get()), ShutDown);
}

TEST_F(QueueProxyTest, a_stop_ends_a_wait_and_takes_no_item) {
    const auto q = manager_.Queue<int>();
    std::stop_source source;
    std::thread stopper([&] { source.request_stop(); });
    EXPECT_THROW(static_cast<void>(q.get(source.get_token())), procession::CancelledError);
    stopper.join();
    q.put(1);
    EXPECT_EQ(q.get_nowait(), 1);
}

TEST_F(JoinableQueueProxyTest, join_waits_until_all_items_are_done) {
    const JoinableQueueProxy<int> q = manager_.JoinableQueue<int>();
    q.put(1);
    q.put(2);
    EXPECT_FALSE(q.join(1ms));
    EXPECT_EQ(q.get(), 1);
    const auto delivery = q.get_delivery();
    EXPECT_EQ(delivery.item, 2);
    EXPECT_FALSE(delivery.redelivered());
    q.task_done();
    EXPECT_FALSE(q.join(0s));
    q.task_done();
    EXPECT_TRUE(q.join());
    EXPECT_TRUE(q.join(1h));
    EXPECT_EQ(q.lost(), 0u);
    EXPECT_THROW(q.task_done(), procession::ValueError);
}

}  // namespace
