// SPDX-License-Identifier: Apache-2.0
#include "managers/managed_lock.hpp"

#include <gtest/gtest.h>
#include <procession/error.hpp>

#include <chrono>
#include <optional>
#include <vector>

#include "support/expect.hpp"
#include "support/managed_client.hpp"
#include "support/thrown.hpp"

namespace {

using procession::CancelledError;
using procession::Object;
using procession::OwnerDied;
using procession::StateError;
using procession::ValueError;
using procession::managers::ManagedLock;
using procession::managers::ManagedRLock;
using procession::managers::Referent;
using procession::test::expect_parts;
using procession::test::make_managed;
using procession::test::ManagedClient;
using procession::test::SleepingCall;
using procession::test::thrown;
using procession::test::wait_until;

class ManagedLockTest : public testing::Test {
  protected:
    std::shared_ptr<Referent> lock = make_managed<ManagedLock>();
    ManagedClient one{"Worker-1"}, other{"Worker-2"};
};

class ManagedRLockTest : public testing::Test {
  protected:
    std::shared_ptr<Referent> lock = make_managed<ManagedRLock>();
    ManagedClient one{"Worker-1"}, other{"Worker-2"};
};

TEST_F(ManagedLockTest, is_held_once_until_it_is_released) {
    EXPECT_EQ(lock->to_string(), "<Lock(owner=None)>");
    EXPECT_EQ(one.call(*lock, "locked"), Object(false));
    EXPECT_EQ(one.call(*lock, "acquire"), Object(true));
    EXPECT_EQ(one.call(*lock, "locked"), Object(true));
    EXPECT_EQ(lock->to_string(), "<Lock(owner=Worker-1)>");
    EXPECT_EQ(one.call(*lock, "acquire", {false}), Object(false));
    EXPECT_EQ(other.call(*lock, "acquire", {true, 0.0}), Object(false));
    EXPECT_EQ(one.call(*lock, "release"), Object());
    EXPECT_EQ(other.call(*lock, "acquire", {true, -1}), Object(true));
}

TEST_F(ManagedLockTest, is_released_by_anyone_and_not_twice) {
    one.call(*lock, "acquire");
    other.call(*lock, "release");
    const std::string text = thrown<StateError>([&] { one.call(*lock, "release"); });
    EXPECT_EQ(text, "Lock::release: it is not held");
}

TEST_F(ManagedLockTest, takes_the_arguments_of_acquire_by_name) {
    Object keywords = Object::dict();
    keywords.set("blocking", false);
    EXPECT_EQ(one.call(*lock, "acquire", {}, keywords), Object(true));
    EXPECT_EQ(one.call(*lock, "acquire", {}, keywords), Object(false));
    keywords.set("timeout", 1.5);
    expect_parts(thrown<ValueError>([&] { one.call(*lock, "acquire", {}, keywords); }),
                 {"acquire", "does not wait", "timeout"});
}

TEST_F(ManagedLockTest, a_wait_ends_at_its_limit_and_not_before) {
    one.call(*lock, "acquire");
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(other.call(*lock, "acquire", {true, 0.05}), Object(false));
    EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(50));
}

TEST_F(ManagedLockTest, release_lets_one_of_those_who_wait_have_it) {
    one.call(*lock, "acquire");
    SleepingCall second(other, lock, "acquire"), third(ManagedClient("Worker-3"), lock, "acquire");
    one.call(*lock, "release");
    // Whoever has it now.
    wait_until([&] { return one.call(*lock, "locked") == Object(true); });
    one.call(*lock, "release");
    EXPECT_EQ(second.result(), Object(true));
    EXPECT_EQ(third.result(), Object(true));
}

TEST_F(ManagedLockTest, a_stop_request_ends_the_wait_and_what_is_free_is_taken_even_then) {
    one.call(*lock, "acquire");
    SleepingCall waiting(other, lock, "acquire");
    waiting.stop();
    EXPECT_EQ(thrown<CancelledError>([&] { waiting.result(); }), "Lock: the wait was stopped");
    EXPECT_THROW(other.call(*lock, "acquire"), CancelledError);
    one.call(*lock, "release");
    EXPECT_EQ(other.call(*lock, "acquire"), Object(true));
}

// Fails where the release wakes one that then throws, and nobody else.
TEST_F(ManagedLockTest, one_that_is_stopped_as_it_would_get_the_lock_leaves_it_to_the_next) {
    for (int round = 0; round < 50; ++round) {
        one.call(*lock, "acquire");
        SleepingCall stopped(ManagedClient("Worker-2"), lock, "acquire"),
            next(ManagedClient("Worker-3"), lock, "acquire");
        std::jthread stopper([&] { stopped.stop(); });
        one.call(*lock, "release");
        try {
            stopped.result();
            one.call(*lock, "release");
        } catch (const CancelledError&) {
        }
        EXPECT_EQ(next.result(), Object(true));
        one.call(*lock, "release");
    }
}

TEST_F(ManagedLockTest, a_holder_that_dies_abandons_it_to_all_who_wait_or_come) {
    one.call(*lock, "acquire");
    SleepingCall waiting(other, lock, "acquire");
    one.die(*lock);
    EXPECT_THROW(waiting.result(), OwnerDied);
    try {
        other.call(*lock, "acquire", {false});
        ADD_FAILURE() << "it was taken";
    } catch (const OwnerDied& error) {
        EXPECT_EQ(error.pid, one.pid());
        EXPECT_EQ(error.name, "Worker-1");
        expect_parts(error.what(), {"Lock: its holder, process \"Worker-1\" (pid ",
                                    "died while it held it", "half-written", "recover()", "release()"});
    }
    EXPECT_EQ(other.call(*lock, "locked"), Object(true));
    EXPECT_EQ(lock->to_string(), "<Lock(owner=Worker-1)>");
}

TEST_F(ManagedLockTest, an_abandoned_lock_is_recovered_once) {
    one.call(*lock, "acquire");
    one.die(*lock);
    EXPECT_EQ(other.call(*lock, "recover"), Object());
    EXPECT_EQ(lock->to_string(), "<Lock(owner=Worker-2)>");
    const ManagedClient third("Worker-3");
    expect_parts(thrown<StateError>([&] { third.call(*lock, "recover"); }),
                 {"Lock::recover", "its holder lives", "OwnerDied"});
    EXPECT_EQ(third.call(*lock, "acquire", {false}), Object(false));
    other.call(*lock, "release");
    expect_parts(thrown<StateError>([&] { third.call(*lock, "recover"); }), {"it is free"});
    EXPECT_EQ(third.call(*lock, "acquire", {false}), Object(true));
}

TEST_F(ManagedLockTest, a_holder_that_ends_abandons_it_too_and_anyone_releases_it) {
    one.call(*lock, "acquire");
    one.end(*lock);
    expect_parts(thrown<OwnerDied>([&] { other.call(*lock, "acquire"); }), {"ended while it held it"});
    other.call(*lock, "release");
    EXPECT_THROW(other.call(*lock, "release"), StateError);
    EXPECT_EQ(other.call(*lock, "acquire"), Object(true));
}

TEST_F(ManagedLockTest, nobody_elses_departure_changes_it) {
    one.call(*lock, "acquire");
    other.die(*lock);
    EXPECT_EQ(other.call(*lock, "acquire", {false}), Object(false));
    one.call(*lock, "release");
    one.die(*lock);
    EXPECT_EQ(other.call(*lock, "acquire", {false}), Object(true));
}

TEST_F(ManagedLockTest, cannot_be_copied) {
    expect_parts(thrown<procession::TypeMismatch>([&] { static_cast<void>(lock->value()); }),
                 {"<Lock(owner=None)>", "cannot be copied", "proxy"});
    EXPECT_THROW(one.call(*lock, "acquire_all"), procession::AttributeError);
    EXPECT_EQ(lock->exposed(), std::vector<std::string>({"acquire", "release", "locked", "recover"}));
}

TEST_F(ManagedRLockTest, is_held_by_a_thread_as_often_as_it_takes_it) {
    for (int i = 0; i < 3; ++i) EXPECT_EQ(one.call(*lock, "acquire"), Object(true));
    const ManagedClient sibling = one.new_thread();
    EXPECT_EQ(sibling.call(*lock, "acquire", {false}), Object(false));
    EXPECT_EQ(thrown<StateError>([&] { sibling.call(*lock, "release"); }),
              "RLock::release: this thread does not hold it (another does)");
    for (int i = 0; i < 2; ++i) one.call(*lock, "release");
    EXPECT_EQ(sibling.call(*lock, "acquire", {false}), Object(false));
    one.call(*lock, "release");
    EXPECT_EQ(thrown<StateError>([&] { one.call(*lock, "release"); }),
              "RLock::release: this thread does not hold it (nobody does)");
    EXPECT_EQ(sibling.call(*lock, "acquire", {false}), Object(true));
}

// Fails where threads are told apart by their numbers alone: those of two processes are the same.
TEST_F(ManagedRLockTest, is_held_by_no_other_clients_thread_of_that_number) {
    one.call(*lock, "acquire");
    EXPECT_EQ(other.call(*lock, "acquire", {false}), Object(false));
    EXPECT_THROW(other.call(*lock, "release"), StateError);
}

TEST_F(ManagedRLockTest, what_a_client_held_that_is_gone_is_recovered_or_released) {
    one.call(*lock, "acquire");
    one.call(*lock, "acquire");
    SleepingCall waiting(other, lock, "acquire");
    one.new_thread().die(*lock);
    expect_parts(thrown<OwnerDied>([&] { waiting.result(); }), {"RLock: its holder", "\"Worker-1\""});
    other.call(*lock, "recover");
    other.call(*lock, "release");
    EXPECT_EQ(lock->to_string(), "<RLock(owner=None)>");

    other.call(*lock, "acquire");
    other.end(*lock);
    const ManagedClient third("Worker-3");
    third.call(*lock, "release");
    EXPECT_EQ(third.call(*lock, "acquire", {false}), Object(true));
}

TEST_F(ManagedRLockTest, who_waits_as_it_is_recovered_gets_it_after_that) {
    one.call(*lock, "acquire");
    one.die(*lock);
    other.call(*lock, "recover");
    SleepingCall waiting(ManagedClient("Worker-3"), lock, "acquire");
    other.call(*lock, "release");
    EXPECT_EQ(waiting.result(), Object(true));
}

}  // namespace
