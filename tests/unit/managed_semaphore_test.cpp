// SPDX-License-Identifier: Apache-2.0
#include "managers/managed_semaphore.hpp"

#include <gtest/gtest.h>
#include <procession/error.hpp>

#include <chrono>
#include <cstdint>
#include <limits>
#include <list>

#include "support/expect.hpp"
#include "support/managed_client.hpp"
#include "support/thrown.hpp"

namespace {

using procession::CancelledError;
using procession::Object;
using procession::ValueError;
using procession::managers::ManagedBoundedSemaphore;
using procession::managers::ManagedSemaphore;
using procession::managers::Referent;
using procession::test::expect_parts;
using procession::test::make_managed;
using procession::test::ManagedClient;
using procession::test::SleepingCall;
using procession::test::thrown;

const ManagedClient looker("MainProcess");

std::int64_t value_of(Referent& semaphore) {
    return looker.call(semaphore, "get_value").as<std::int64_t>();
}

void acquire(const ManagedClient& client, Referent& semaphore, int times) {
    for (int i = 0; i < times; ++i) ASSERT_EQ(client.call(semaphore, "acquire", {false}), Object(true));
}

TEST(ManagedSemaphore, counts_permits) {
    const auto semaphore = make_managed<ManagedSemaphore>({2});
    const ManagedClient one("Worker-1"), other("Worker-2");
    EXPECT_EQ(semaphore->to_string(), "<Semaphore(value=2)>");
    EXPECT_EQ(one.call(*semaphore, "acquire"), Object(true));
    EXPECT_EQ(other.call(*semaphore, "acquire", {true, Object()}), Object(true));
    EXPECT_EQ(one.call(*semaphore, "locked"), Object(true));
    EXPECT_EQ(one.call(*semaphore, "acquire", {false}), Object(false));
    EXPECT_EQ(one.call(*semaphore, "release"), Object());
    EXPECT_EQ(one.call(*semaphore, "locked"), Object(false));
    one.call(*semaphore, "release", {3});
    EXPECT_EQ(value_of(*semaphore), 4);
    EXPECT_EQ(value_of(*make_managed<ManagedSemaphore>()), 1);
}

TEST(ManagedSemaphore, refuses_what_no_count_can_be) {
    EXPECT_EQ(thrown<ValueError>([] { make_managed<ManagedSemaphore>({-1}); }),
              "Semaphore(-1): a semaphore begins with 0 permits or more");
    EXPECT_EQ(thrown<ValueError>([] { make_managed<ManagedBoundedSemaphore>({-1}); }),
              "BoundedSemaphore(-1): a semaphore begins with 0 permits or more");
    const auto semaphore = make_managed<ManagedSemaphore>();
    EXPECT_EQ(thrown<ValueError>([&] { looker.call(*semaphore, "release", {0}); }),
              "Semaphore::release(0): at least 1 permit is released");
    const std::int64_t most = std::numeric_limits<std::int64_t>::max();
    expect_parts(thrown<ValueError>([&] { looker.call(*semaphore, "release", {most}); }),
                 {"Semaphore(value=1)::release(", "than can be counted"});
    EXPECT_EQ(value_of(*semaphore), 1);
}

TEST(ManagedSemaphore, a_wait_ends_at_its_limit_and_not_before) {
    const auto semaphore = make_managed<ManagedSemaphore>({0});
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(looker.call(*semaphore, "acquire", {true, 0.05}), Object(false));
    EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(50));
}

TEST(ManagedSemaphore, release_of_several_wakes_as_many) {
    const auto semaphore = make_managed<ManagedSemaphore>({0});
    std::list<SleepingCall> calls;
    for (int i = 0; i < 5; ++i) calls.emplace_back(ManagedClient("Worker"), semaphore, "acquire");
    looker.call(*semaphore, "release", {2});
    looker.call(*semaphore, "release", {4});
    for (SleepingCall& each : calls) EXPECT_EQ(each.result(), Object(true));
    EXPECT_EQ(value_of(*semaphore), 1);
}

TEST(ManagedSemaphore, a_stop_request_ends_the_wait_and_what_is_free_is_taken_even_then) {
    const auto semaphore = make_managed<ManagedSemaphore>({0});
    ManagedClient one("Worker-1");
    SleepingCall waiting(one, semaphore, "acquire");
    waiting.stop();
    EXPECT_EQ(thrown<CancelledError>([&] { waiting.result(); }), "Semaphore: the wait was stopped");
    looker.call(*semaphore, "release");
    EXPECT_EQ(one.call(*semaphore, "acquire"), Object(true));
}

// Fails where a permit is taken by one that then throws, or wakes nobody else.
TEST(ManagedSemaphore, no_permit_is_lost_to_one_that_is_stopped_meanwhile) {
    const auto semaphore = make_managed<ManagedSemaphore>({0});
    for (int round = 0; round < 50; ++round) {
        SleepingCall stopped(ManagedClient("Worker-1"), semaphore, "acquire"),
            next(ManagedClient("Worker-2"), semaphore, "acquire");
        std::jthread stopper([&] { stopped.stop(); });
        looker.call(*semaphore, "release");
        try {
            stopped.result();
            looker.call(*semaphore, "release");
        } catch (const CancelledError&) {
        }
        EXPECT_EQ(next.result(), Object(true));
        EXPECT_EQ(value_of(*semaphore), 0);
    }
}

TEST(ManagedBoundedSemaphore, is_not_released_more_often_than_acquired) {
    const auto semaphore = make_managed<ManagedBoundedSemaphore>({2});
    EXPECT_EQ(semaphore->to_string(), "<BoundedSemaphore(value=2, maxvalue=2)>");
    acquire(looker, *semaphore, 1);
    EXPECT_EQ(
        thrown<ValueError>([&] { looker.call(*semaphore, "release", {2}); }),
        "BoundedSemaphore(value=1)::release(2): more permits would be free than the 2 that there are. "
        "Release only what was acquired.");
    looker.call(*semaphore, "release");
    EXPECT_THROW(looker.call(*semaphore, "release"), ValueError);
    EXPECT_EQ(value_of(*semaphore), 2);
}

TEST(ManagedBoundedSemaphore, permits_of_a_client_that_died_are_free_again) {
    const auto semaphore = make_managed<ManagedBoundedSemaphore>({3});
    const ManagedClient one("Worker-1"), other("Worker-2");
    acquire(one, *semaphore, 1);
    acquire(one.new_thread(), *semaphore, 1);
    acquire(other, *semaphore, 1);
    SleepingCall third(ManagedClient("Worker-3"), semaphore, "acquire"),
        fourth(ManagedClient("Worker-4"), semaphore, "acquire");
    one.die(*semaphore);
    EXPECT_EQ(third.result(), Object(true));
    EXPECT_EQ(fourth.result(), Object(true));
    EXPECT_EQ(value_of(*semaphore), 0);
}

TEST(ManagedBoundedSemaphore, permits_of_a_client_that_ended_stay_taken_until_anyone_releases_them) {
    const auto semaphore = make_managed<ManagedBoundedSemaphore>({2});
    const ManagedClient one("Worker-1"), other("Worker-2");
    acquire(one, *semaphore, 1);
    acquire(other, *semaphore, 1);
    one.end(*semaphore);
    EXPECT_EQ(value_of(*semaphore), 0);
    looker.call(*semaphore, "release");
    EXPECT_EQ(value_of(*semaphore), 1);
    // It was the ended one's: the other's comes back.
    other.die(*semaphore);
    EXPECT_EQ(value_of(*semaphore), 2);
    EXPECT_THROW(looker.call(*semaphore, "release"), ValueError);
}

TEST(ManagedBoundedSemaphore, what_somebody_else_released_does_not_come_back_as_well) {
    const auto semaphore = make_managed<ManagedBoundedSemaphore>({2});
    const ManagedClient one("Worker-1");
    acquire(one, *semaphore, 2);
    looker.call(*semaphore, "release", {2});
    one.die(*semaphore);
    EXPECT_EQ(value_of(*semaphore), 2);
}

TEST(ManagedBoundedSemaphore, who_releases_gives_back_its_own_first) {
    const auto semaphore = make_managed<ManagedBoundedSemaphore>({2});
    const ManagedClient one("Worker-1"), other("Worker-2");
    acquire(one, *semaphore, 1);
    acquire(other, *semaphore, 1);
    other.call(*semaphore, "release");
    one.die(*semaphore);
    EXPECT_EQ(value_of(*semaphore), 2);
    other.die(*semaphore);
    EXPECT_EQ(value_of(*semaphore), 2);
}

TEST(ManagedSemaphore, a_death_makes_no_more_free_than_there_were_at_first) {
    const auto semaphore = make_managed<ManagedSemaphore>({1});
    const ManagedClient one("Worker-1");
    looker.call(*semaphore, "release", {2});
    acquire(one, *semaphore, 3);
    one.die(*semaphore);
    EXPECT_EQ(value_of(*semaphore), 1);

    // As a signal, which one acquires and another releases, it begins with none.
    const auto signal = make_managed<ManagedSemaphore>({0});
    const ManagedClient consumer("Worker-2");
    looker.call(*signal, "release");
    acquire(consumer, *signal, 1);
    consumer.die(*signal);
    EXPECT_EQ(value_of(*signal), 0);
}

}  // namespace
