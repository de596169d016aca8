// SPDX-License-Identifier: Apache-2.0
#include "os/deadline.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace procession {
namespace {

using namespace std::chrono_literals;

TEST(Deadline, of_no_limit_never_comes) {
    const auto never = os::Deadline::after(forever);
    EXPECT_TRUE(never.is_never());
    EXPECT_FALSE(never.expired());
    EXPECT_EQ(never.poll_milliseconds(), -1);
    timespec storage;
    EXPECT_EQ(never.to_timespec(storage), nullptr);
}

TEST(Deadline, beyond_the_clocks_range_never_comes) {
    EXPECT_TRUE(os::Deadline::after(std::chrono::nanoseconds::max()).is_never());
    EXPECT_TRUE(os::Deadline::after(std::chrono::hours(24 * 365 * 1000)).is_never());
}

TEST(Deadline, of_zero_or_less_has_come) {
    EXPECT_TRUE(os::Deadline::after(0s).expired());
    EXPECT_TRUE(os::Deadline::after(-1s).expired());
    EXPECT_EQ(os::Deadline::after(-1s).poll_milliseconds(), 0);
}

TEST(Deadline, is_rounded_up_for_poll) {
    // Rounded down, a wait of less than a millisecond would spin.
    const auto soon = os::Deadline::at(os::Deadline::Clock::now() + 1h + 1ns);
    EXPECT_GT(soon.poll_milliseconds(), 0);
    EXPECT_LE(soon.poll_milliseconds(), 3'600'001);
    EXPECT_EQ(os::Deadline::after(24h * 365).poll_milliseconds(), std::numeric_limits<int>::max());
}

TEST(Deadline, is_the_sooner_of_two) {
    const auto now = os::Deadline::Clock::now();
    EXPECT_FALSE(os::Deadline::never().sooner(1h).is_never());
    EXPECT_TRUE(os::Deadline::at(now).sooner(1h).expired());
    EXPECT_FALSE(os::Deadline::at(now + 2h).sooner(1h).expired());
    EXPECT_TRUE(os::Deadline::at(now + 2h).sooner(0s).expired());
}

TEST(Deadline, is_a_timespec_on_the_steady_clock) {
    timespec storage;
    const auto* time =
        os::Deadline::at(os::Deadline::Clock::time_point(1'234'567'890'123ns)).to_timespec(storage);
    ASSERT_NE(time, nullptr);
    EXPECT_EQ(time->tv_sec, 1234);
    EXPECT_EQ(time->tv_nsec, 567'890'123);
}

}  // namespace
}  // namespace procession
