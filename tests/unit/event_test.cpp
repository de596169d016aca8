// SPDX-License-Identifier: Apache-2.0
#include <procession/event.hpp>

#include <gtest/gtest.h>
#include <procession/error.hpp>
#include <procession/semaphore.hpp>

#include <regex>
#include <sstream>
#include <thread>
#include <vector>

#include "support/signal_storm.hpp"

namespace {

using namespace std::chrono_literals;
using procession::Event;
using Clock = std::chrono::steady_clock;
namespace test = procession::test;

TEST(Event, is_set_until_it_is_cleared) {
    const Event event;
    EXPECT_FALSE(event.is_set());
    event.clear();
    EXPECT_FALSE(event.is_set());
    for (int i = 0; i < 2; ++i) {
        event.set();
        event.set();
        EXPECT_TRUE(event.is_set());
        EXPECT_TRUE(event.wait());
        event.clear();
        event.clear();
        EXPECT_FALSE(event.is_set());
    }
}

TEST(Event, a_wait_ends_at_its_limit_and_not_before) {
    const Event event;
    EXPECT_FALSE(event.wait(0s));
    const auto begin = Clock::now();
    EXPECT_FALSE(event.wait(50ms));
    EXPECT_GE(Clock::now() - begin, 50ms);
}

TEST(Event, set_wakes_all_who_wait) {
    const Event event;
    std::vector<std::jthread> waiters;
    for (int i = 0; i < 4; ++i) waiters.emplace_back([&] { EXPECT_TRUE(event.wait()); });
    event.set();
}

// Fails where a wait looks only at whether the event is set when it wakes.
TEST(Event, a_wait_that_began_before_set_returns_although_clear_followed_at_once) {
    const Event event;
    std::atomic<pid_t> waiter = 0;
    std::jthread thread([&] {
        waiter = ::gettid();
        EXPECT_TRUE(event.wait());
    });
    while (waiter == 0 || test::thread_state(waiter) != 'S') std::this_thread::yield();
    event.set();
    event.clear();
    thread.join();
    EXPECT_FALSE(event.is_set());
    EXPECT_FALSE(event.wait(0s));
}

TEST(Event, a_stop_request_ends_the_wait) {
    const Event event;
    std::jthread waiter([&](std::stop_token stop) {
        EXPECT_THROW(event.wait(stop), procession::CancelledError);
        EXPECT_THROW(event.wait(1h, stop), procession::CancelledError);
    });
    waiter.request_stop();
}

TEST(Event, signals_do_not_end_the_wait) {
    const Event event;
    EXPECT_TRUE(test::through_signals([&] { return event.wait(); }, [&] { event.set(); }));
}

// conformance: event.print
TEST(Event, test_repr) {
    const Event event;
    const auto matches = [](const std::string& text, const char* state) {
        return std::regex_match(text, std::regex(std::string("<Event at 0x[0-9a-f]+ ") + state + ">"));
    };
    EXPECT_TRUE(matches(fmt::format("{}", event), "unset")) << event;
    event.set();
    EXPECT_TRUE(matches(fmt::format("{}", event), "set")) << event;
    event.clear();
    std::ostringstream text;
    text << event;
    EXPECT_TRUE(matches(text.str(), "unset")) << event;
}

TEST(Event, is_nothing_else) {
    const procession::Semaphore other;
    EXPECT_THROW(Event{procession::detail::Handle(other)}, procession::TypeMismatch);
}

}  // namespace
