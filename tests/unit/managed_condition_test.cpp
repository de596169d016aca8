// SPDX-License-Identifier: Apache-2.0
#include "managers/managed_condition.hpp"

#include <gtest/gtest.h>
#include <procession/error.hpp>

#include <chrono>

#include "managers/managed_event.hpp"
#include "managers/managed_lock.hpp"
#include "support/expect.hpp"
#include "support/managed_client.hpp"
#include "support/thrown.hpp"

namespace {

using procession::CancelledError;
using procession::Object;
using procession::OwnerDied;
using procession::StateError;
using procession::TypeMismatch;
using procession::managers::ManagedCondition;
using procession::managers::ManagedEvent;
using procession::managers::ManagedLock;
using procession::managers::ManagedRLock;
using procession::managers::Referent;
using procession::test::expect_parts;
using procession::test::make_managed;
using procession::test::ManagedClient;
using procession::test::SleepingCall;
using procession::test::thrown;
using procession::test::wait_until;

/// A wait of a client that has the lock.
struct HeldWait {
    HeldWait(ManagedClient& client, const std::shared_ptr<Referent>& condition,
             std::vector<Object> arguments = {})
        : call((client.call(*condition, "acquire"), client), condition, "wait", std::move(arguments)) {}
    SleepingCall call;
};

class ManagedConditionTest : public testing::Test {
  protected:
    std::shared_ptr<Referent> condition = make_managed<ManagedCondition>();
    ManagedClient one{"Worker-1"}, two{"Worker-2"}, three{"Worker-3"}, notifier{"MainProcess"};

    void notify(int count = 1) {
        notifier.call(*condition, "acquire");
        notifier.call(*condition, "notify", {count});
        notifier.call(*condition, "release");
    }
};

TEST_F(ManagedConditionTest, is_a_recursive_lock_of_a_thread) {
    EXPECT_EQ(condition->to_string(), "<Condition(<RLock(owner=None)>, 0)>");
    EXPECT_EQ(one.call(*condition, "acquire"), Object(true));
    EXPECT_EQ(one.call(*condition, "acquire", {true, 1.0}), Object(true));
    EXPECT_EQ(two.call(*condition, "acquire", {false}), Object(false));
    EXPECT_EQ(two.call(*condition, "locked"), Object(true));
    one.call(*condition, "release");
    one.call(*condition, "release");
    EXPECT_THROW(one.call(*condition, "release"), StateError);
}

TEST_F(ManagedConditionTest, its_lock_must_be_held_to_wait_and_to_notify) {
    EXPECT_EQ(
        thrown<StateError>([&] { one.call(*condition, "wait"); }),
        "Condition::wait: this thread does not hold its lock; acquire() it first, and keep it until "
        "then");
    EXPECT_THROW(one.call(*condition, "notify"), StateError);
    one.call(*condition, "acquire");
    expect_parts(thrown<StateError>([&] { one.new_thread().call(*condition, "notify_all"); }),
                 {"Condition::notify_all", "this thread does not hold"});
}

TEST_F(ManagedConditionTest, a_wait_without_a_notify_is_false_no_sooner_than_its_limit) {
    one.call(*condition, "acquire");
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(one.call(*condition, "wait", {0.05}), Object(false));
    EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(50));
    EXPECT_EQ(two.call(*condition, "acquire", {false}), Object(false));
    EXPECT_EQ(condition->to_string(), "<Condition(<RLock(owner=Worker-1)>, 0)>");
}

TEST_F(ManagedConditionTest, a_wait_gives_the_lock_up_wholly_and_restores_its_depth) {
    one.call(*condition, "acquire");
    HeldWait waiting(one, condition, {Object()});
    EXPECT_EQ(condition->to_string(), "<Condition(<RLock(owner=None)>, 1)>");
    notify();
    EXPECT_EQ(waiting.call.result(), Object(true));
    one.call(*condition, "release");
    EXPECT_EQ(two.call(*condition, "acquire", {false}), Object(false));
    one.call(*condition, "release");
    EXPECT_EQ(two.call(*condition, "acquire", {false}), Object(true));
}

TEST_F(ManagedConditionTest, notify_ends_the_waits_of_those_that_wait_longest) {
    HeldWait first(one, condition), second(two, condition), third(three, condition);
    notify();
    EXPECT_EQ(first.call.result(), Object(true));
    one.call(*condition, "release");
    notify(0);
    notify(-1);
    EXPECT_EQ(condition->to_string(), "<Condition(<RLock(owner=None)>, 2)>");
    notify(5);
    // Both have it one after the other.
    std::jthread releaser([&] {
        EXPECT_EQ(second.call.result(), Object(true));
        two.call(*condition, "release");
    });
    EXPECT_EQ(third.call.result(), Object(true));
    three.call(*condition, "release");
}

TEST_F(ManagedConditionTest, notify_all_ends_all_waits) {
    HeldWait first(one, condition), second(two, condition);
    notifier.call(*condition, "acquire");
    notifier.call(*condition, "notify_all");
    notifier.call(*condition, "release");
    std::jthread releaser([&] {
        EXPECT_EQ(first.call.result(), Object(true));
        one.call(*condition, "release");
    });
    EXPECT_EQ(second.call.result(), Object(true));
    two.call(*condition, "release");
}

TEST_F(ManagedConditionTest, a_cancelled_wait_has_the_lock_again_as_often_as_before) {
    one.call(*condition, "acquire");
    HeldWait waiting(one, condition);
    notifier.call(*condition, "acquire");
    waiting.call.stop();
    wait_until([&] { return condition->to_string() == "<Condition(<RLock(owner=MainProcess)>, 0)>"; });
    notifier.call(*condition, "release");
    EXPECT_EQ(thrown<CancelledError>([&] { waiting.call.result(); }),
              "Condition::wait: the wait was stopped");
    one.call(*condition, "release");
    EXPECT_EQ(two.call(*condition, "acquire", {false}), Object(false));
    one.call(*condition, "release");
    EXPECT_EQ(two.call(*condition, "acquire", {false}), Object(true));
}

TEST_F(ManagedConditionTest, a_notified_wait_is_true_although_it_is_cancelled) {
    HeldWait waiting(one, condition);
    notifier.call(*condition, "acquire");
    notifier.call(*condition, "notify");
    waiting.call.stop();
    notifier.call(*condition, "release");
    EXPECT_EQ(waiting.call.result(), Object(true));
}

TEST_F(ManagedConditionTest, a_client_that_is_gone_passes_its_notification_on) {
    HeldWait first(one, condition), second(two, condition);
    notifier.call(*condition, "acquire");
    notifier.call(*condition, "notify");
    // It waits for the lock now.
    first.call.leave();
    EXPECT_EQ(thrown<CancelledError>([&] { first.call.result(); }),
              "Condition::wait: who waited is gone");
    EXPECT_EQ(condition->to_string(), "<Condition(<RLock(owner=MainProcess)>, 0)>");
    notifier.call(*condition, "release");
    EXPECT_EQ(second.call.result(), Object(true));
}

// Fails where it takes the lock on its way out: that would be abandoned then.
TEST_F(ManagedConditionTest, a_client_that_is_gone_does_not_have_the_lock_again) {
    HeldWait waiting(one, condition);
    waiting.call.leave();
    EXPECT_THROW(waiting.call.result(), CancelledError);
    one.die(*condition);
    EXPECT_EQ(condition->to_string(), "<Condition(<RLock(owner=None)>, 0)>");
    EXPECT_EQ(two.call(*condition, "acquire", {false}), Object(true));
}

TEST_F(ManagedConditionTest, a_holder_that_dies_ends_all_waits) {
    HeldWait first(one, condition), second(two, condition);
    notifier.call(*condition, "acquire");
    notifier.die(*condition);
    EXPECT_THROW(first.call.result(), OwnerDied);
    expect_parts(thrown<OwnerDied>([&] { second.call.result(); }),
                 {"RLock: its holder, process \"MainProcess\"", "died while it held it"});
    one.call(*condition, "recover");
    EXPECT_EQ(two.call(*condition, "acquire", {false}), Object(false));
    one.call(*condition, "release");
    EXPECT_EQ(two.call(*condition, "acquire", {false}), Object(true));
}

TEST_F(ManagedConditionTest, what_it_is_with_is_a_lock_or_rlock) {
    EXPECT_EQ(make_managed<ManagedCondition>({Object()})->to_string(),
              "<Condition(<RLock(owner=None)>, 0)>");
    expect_parts(thrown<TypeMismatch>([] { make_managed<ManagedCondition>({1}); }),
                 {"Condition() argument 'lock'", "not int"});
    EXPECT_THROW(ManagedCondition::on(make_managed<ManagedEvent>()), TypeMismatch);
    EXPECT_EQ(ManagedCondition::on(make_managed<ManagedRLock>())->to_string(),
              "<Condition(<RLock(owner=None)>, 0)>");
}

TEST_F(ManagedConditionTest, a_lock_that_it_is_with_is_held_by_a_client) {
    const std::shared_ptr<Referent> lock = make_managed<ManagedLock>();
    condition = ManagedCondition::on(lock);
    one.call(*lock, "acquire");
    SleepingCall waiting(one.new_thread(), condition, "wait");
    EXPECT_EQ(condition->to_string(), "<Condition(<Lock(owner=None)>, 1)>");
    expect_parts(thrown<StateError>([&] { two.call(*condition, "notify"); }), {"this process does not"});
    notify();
    EXPECT_EQ(waiting.result(), Object(true));
    EXPECT_EQ(two.call(*lock, "acquire", {false}), Object(false));
}

// It was acquired by way of the lock: the condition has never heard of the one that dies.
TEST_F(ManagedConditionTest, waits_end_whoever_of_the_locks_holders_dies) {
    const std::shared_ptr<Referent> lock = make_managed<ManagedLock>();
    condition = ManagedCondition::on(lock);
    HeldWait first(one, condition);
    notifier.call(*lock, "acquire");
    notifier.die(*lock);
    EXPECT_THROW(first.call.result(), OwnerDied);
    two.call(*lock, "release");

    HeldWait second(two, condition);
    const ManagedClient other("Worker-4");
    other.call(*lock, "acquire");
    condition.reset();
    other.end(*lock);
    EXPECT_THROW(second.call.result(), OwnerDied);
}

}  // namespace
