// SPDX-License-Identifier: Apache-2.0
#include <procession/batch.hpp>

#include <gtest/gtest.h>
#include <procession/dict_proxy.hpp>
#include <procession/error.hpp>

#include <stop_token>
#include <string>

#include "support/expect.hpp"
#include "support/manager.hpp"
#include "support/tasks.hpp"
#include "support/thrown.hpp"

namespace {

using procession::Batch;
using procession::KeyError;
namespace test = procession::test;

using BatchTest = test::WithManager;

TEST_F(BatchTest, calls_are_done_in_their_order_and_have_their_results) {
    const auto d = manager_.dict<std::string, int>();
    const auto l = manager_.list<int>();
    Batch batch;
    const auto set = batch.call<void>(d, "__setitem__", "a", 5);
    const auto get = batch.call<int>(d, "get", "a");
    const auto append = batch.call(l, "append", 7);
    const auto size = batch.call<std::size_t>(l, "__len__");
    EXPECT_EQ(batch.size(), 4u);
    EXPECT_TRUE(d.empty());
    EXPECT_FALSE(get.ready());
    batch.send();
    EXPECT_TRUE(get.ready());
    set.get();
    EXPECT_EQ(get.get(), 5);
    EXPECT_EQ(append.get(), procession::Object());
    EXPECT_EQ(size.get(), 1u);
    EXPECT_EQ(batch.size(), 0u);
}

TEST_F(BatchTest, each_call_has_its_own_exception) {
    const auto d = manager_.dict<std::string, int>();
    Batch batch;
    const auto wrong = batch.call<int>(d, "__getitem__", "absent");
    const auto right = batch.call<std::size_t>(d, "__len__");
    batch.send();
    EXPECT_THROW(wrong.get(), KeyError);
    EXPECT_EQ(right.get(), 0u);
}

TEST_F(BatchTest, may_be_filled_again) {
    const auto d = manager_.dict<int, int>();
    Batch batch;
    for (int round = 0; round < 2; ++round) {
        for (int i = 0; i < 100; ++i) batch.call<void>(d, "__setitem__", i, round);
        batch.send();
    }
    EXPECT_EQ(d.size(), 100u);
    EXPECT_EQ(d[99].get(), 1);
    batch.send();
}

TEST_F(BatchTest, goes_to_several_servers) {
    procession::SyncManager other = procession::Manager();
    const auto here = manager_.list<int>();
    const auto there = other.list<int>();
    Batch batch;
    const auto first = batch.call<int>(here, "__len__");
    const auto second = batch.call<void>(there, "append", 1);
    const auto third = batch.call<int>(there, "__len__");
    batch.send();
    EXPECT_EQ(first.get(), 0);
    EXPECT_EQ(third.get(), 1);
}

TEST_F(BatchTest, has_no_results_before_it_is_sent) {
    Batch batch;
    const auto result = batch.call<int>(manager_.list<int>(), "__len__");
    const std::string text = test::thrown<procession::StateError>([&] { result.get(); });
    test::expect_parts(text, {"BatchResult::get", "__len__", "was not sent", "send()"});
}

TEST_F(BatchTest, a_stop_ends_a_wait_in_it) {
    const auto event = manager_.Event();
    std::stop_source source;
    Batch batch;
    const auto result = batch.call<bool>(event, "wait");
    const auto stopper = test::when_this_thread_sleeps([&] { source.request_stop(); });
    batch.send(source.get_token());
    EXPECT_THROW(result.get(), procession::CancelledError);
}

}  // namespace
