// SPDX-License-Identifier: Apache-2.0
#include "managers/managed_barrier.hpp"

#include <gtest/gtest.h>
#include <procession/error.hpp>

#include <chrono>
#include <cstdint>
#include <list>
#include <set>

#include "support/expect.hpp"
#include "support/managed_client.hpp"
#include "support/thrown.hpp"

namespace {

using procession::BrokenBarrierError;
using procession::CancelledError;
using procession::Object;
using procession::TypeMismatch;
using procession::ValueError;
using procession::managers::ManagedBarrier;
using procession::managers::Referent;
using procession::test::expect_parts;
using procession::test::make_managed;
using procession::test::ManagedClient;
using procession::test::SleepingCall;
using procession::test::thrown;

class ManagedBarrierTest : public testing::Test {
  protected:
    std::shared_ptr<Referent> barrier = make_managed<ManagedBarrier>({2});
    ManagedClient one{"Worker-1"}, other{"Worker-2"};

    Object attribute(const char* name) { return one.call(*barrier, "__getattribute__", {name}); }
    /// Both come.
    void pass() {
        SleepingCall waiting(one, barrier, "wait");
        EXPECT_EQ(other.call(*barrier, "wait"), Object(1));
        EXPECT_EQ(waiting.result(), Object(0));
    }
};

TEST_F(ManagedBarrierTest, lets_all_go_once_all_have_come_again_and_again) {
    barrier = make_managed<ManagedBarrier>({4});
    for (int cycle = 0; cycle < 3; ++cycle) {
        std::list<SleepingCall> calls;
        for (int i = 0; i < 3; ++i) calls.emplace_back(ManagedClient("Worker"), barrier, "wait");
        EXPECT_EQ(attribute("n_waiting"), Object(3));
        EXPECT_EQ(barrier->to_string(), "<Barrier(waiters=3/4)>");
        std::set<std::int64_t> indices = {one.call(*barrier, "wait").as<std::int64_t>()};
        for (SleepingCall& each : calls) indices.insert(each.result().as<std::int64_t>());
        EXPECT_EQ(indices, (std::set<std::int64_t>{0, 1, 2, 3}));
    }
}

TEST_F(ManagedBarrierTest, says_what_it_is) {
    EXPECT_EQ(attribute("parties"), Object(2));
    EXPECT_EQ(attribute("n_waiting"), Object(0));
    EXPECT_EQ(attribute("broken"), Object(false));
    EXPECT_EQ(thrown<procession::AttributeError>([&] { attribute("_action"); }),
              "'Barrier' object has no attribute '_action'");
}

TEST_F(ManagedBarrierTest, has_no_action_and_one_party_at_least) {
    EXPECT_EQ(thrown<ValueError>([] { make_managed<ManagedBarrier>({0}); }),
              "Barrier: 0 parties; it needs one at least");
    expect_parts(thrown<TypeMismatch>([] {
                     make_managed<ManagedBarrier>({2, Object::global("builtins", "print")});
                 }),
                 {"Barrier", "action", "wait() returned 0"});
    EXPECT_EQ(one.call(*make_managed<ManagedBarrier>({1, Object(), 1.5}), "wait"), Object(0));
}

TEST_F(ManagedBarrierTest, one_whose_time_runs_out_breaks_it_for_all) {
    barrier = make_managed<ManagedBarrier>({3});
    SleepingCall waiting(one, barrier, "wait");
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_THROW(other.call(*barrier, "wait", {0.05}), BrokenBarrierError);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(50));
    EXPECT_EQ(
        thrown<BrokenBarrierError>([&] { waiting.result(); }),
        "Barrier(3 parties): it is broken: a wait for the others ran out of time. reset() makes it "
        "usable again.");
    EXPECT_EQ(attribute("broken"), Object(true));
    EXPECT_EQ(attribute("n_waiting"), Object(0));
    EXPECT_EQ(barrier->to_string(), "<Barrier(broken)>");
    EXPECT_THROW(other.call(*barrier, "wait"), BrokenBarrierError);
}

TEST_F(ManagedBarrierTest, its_own_limit_is_of_waits_without_one) {
    barrier = make_managed<ManagedBarrier>({2, Object(), 0.05});
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_THROW(one.call(*barrier, "wait", {Object()}), BrokenBarrierError);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(50));
}

TEST_F(ManagedBarrierTest, abort_breaks_it_and_reset_makes_it_usable_again) {
    SleepingCall waiting(one, barrier, "wait");
    other.call(*barrier, "abort");
    other.call(*barrier, "abort");
    expect_parts(thrown<BrokenBarrierError>([&] { waiting.result(); }), {"abort() was called"});
    other.call(*barrier, "reset");
    EXPECT_EQ(attribute("broken"), Object(false));
    pass();
}

TEST_F(ManagedBarrierTest, reset_ends_the_waits_of_those_who_came) {
    SleepingCall waiting(one, barrier, "wait");
    other.call(*barrier, "reset");
    EXPECT_EQ(thrown<BrokenBarrierError>([&] { waiting.result(); }),
              "Barrier(2 parties): reset() was called meanwhile. The next wait() is of a new cycle.");
    EXPECT_EQ(attribute("broken"), Object(false));
    pass();
}

TEST_F(ManagedBarrierTest, a_wait_that_is_stopped_breaks_it) {
    barrier = make_managed<ManagedBarrier>({3});
    SleepingCall waiting(other, barrier, "wait");
    SleepingCall stopped(one, barrier, "wait");
    stopped.stop();
    EXPECT_EQ(thrown<CancelledError>([&] { stopped.result(); }),
              "Barrier::wait: the wait was stopped; the barrier is broken");
    expect_parts(thrown<BrokenBarrierError>([&] { waiting.result(); }),
                 {"a wait of process \"Worker-1\" (pid ", "was stopped"});
}

TEST_F(ManagedBarrierTest, the_last_one_to_come_goes_on_although_it_is_stopped) {
    SleepingCall waiting(one, barrier, "wait");
    other.stop();
    EXPECT_EQ(other.call(*barrier, "wait"), Object(1));
    EXPECT_EQ(waiting.result(), Object(0));
}

TEST_F(ManagedBarrierTest, a_party_that_dies_breaks_it_though_it_does_not_wait) {
    pass();
    SleepingCall waiting(one, barrier, "wait");
    other.die(*barrier);
    expect_parts(thrown<BrokenBarrierError>([&] { waiting.result(); }),
                 {"process \"Worker-2\" (pid ", "one of its parties, died", "reset()"});
    EXPECT_EQ(attribute("broken"), Object(true));
    other = ManagedClient("Worker-3");
    one.call(*barrier, "reset");
    pass();
}

TEST_F(ManagedBarrierTest, a_party_that_ends_between_waits_does_not_break_it) {
    pass();
    other.end(*barrier);
    EXPECT_EQ(attribute("broken"), Object(false));
    other = ManagedClient("Worker-3");
    pass();
}

TEST_F(ManagedBarrierTest, who_never_came_is_no_party) {
    ManagedClient("Worker-3").die(*barrier);
    EXPECT_EQ(attribute("broken"), Object(false));
}

}  // namespace
