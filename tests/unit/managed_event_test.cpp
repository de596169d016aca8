// SPDX-License-Identifier: Apache-2.0
#include "managers/managed_event.hpp"

#include <gtest/gtest.h>
#include <procession/error.hpp>

#include <chrono>
#include <regex>

#include "support/managed_client.hpp"
#include "support/thrown.hpp"

namespace {

using procession::CancelledError;
using procession::Object;
using procession::managers::ManagedEvent;
using procession::managers::Referent;
using procession::test::make_managed;
using procession::test::ManagedClient;
using procession::test::SleepingCall;
using procession::test::thrown;

class ManagedEventTest : public testing::Test {
  protected:
    std::shared_ptr<Referent> event = make_managed<ManagedEvent>();
    ManagedClient one{"Worker-1"}, other{"Worker-2"};
};

TEST_F(ManagedEventTest, is_set_until_it_is_cleared) {
    EXPECT_EQ(one.call(*event, "is_set"), Object(false));
    EXPECT_EQ(one.call(*event, "set"), Object());
    EXPECT_EQ(other.call(*event, "is_set"), Object(true));
    EXPECT_EQ(other.call(*event, "wait"), Object(true));
    EXPECT_EQ(one.call(*event, "clear"), Object());
    EXPECT_EQ(other.call(*event, "is_set"), Object(false));
    EXPECT_EQ(other.call(*event, "wait", {0}), Object(false));
}

TEST_F(ManagedEventTest, a_wait_ends_at_its_limit_and_not_before) {
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(one.call(*event, "wait", {0.05}), Object(false));
    EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(50));
}

TEST_F(ManagedEventTest, set_wakes_all_who_wait_although_clear_follows_at_once) {
    SleepingCall first(one, event, "wait"), second(other, event, "wait", {Object()});
    other.call(*event, "set");
    other.call(*event, "clear");
    EXPECT_EQ(first.result(), Object(true));
    EXPECT_EQ(second.result(), Object(true));
}

TEST_F(ManagedEventTest, a_stop_request_ends_the_wait_unless_it_is_set) {
    SleepingCall waiting(one, event, "wait");
    waiting.stop();
    EXPECT_EQ(thrown<CancelledError>([&] { waiting.result(); }), "Event: the wait was stopped");
    other.call(*event, "set");
    EXPECT_EQ(one.call(*event, "wait"), Object(true));
}

TEST_F(ManagedEventTest, nobodys_departure_changes_it) {
    one.call(*event, "set");
    one.die(*event);
    EXPECT_EQ(other.call(*event, "is_set"), Object(true));
}

TEST_F(ManagedEventTest, prints_whether_it_is_set) {
    EXPECT_TRUE(std::regex_match(event->to_string(), std::regex("<Event at 0x[0-9a-f]+ unset>")));
    one.call(*event, "set");
    EXPECT_TRUE(std::regex_match(event->to_string(), std::regex("<Event at 0x[0-9a-f]+ set>")));
    EXPECT_THROW(static_cast<void>(event->value()), procession::TypeMismatch);
}

}  // namespace
