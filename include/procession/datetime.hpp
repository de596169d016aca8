// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Dates and times as Python's module datetime has them, for what crosses to Python and back.

#include <procession/detail/export.hpp>

#include <chrono>
#include <optional>
#include <string>

namespace procession::inline v0 {

/// A length of time of up to 999999999 days. `seconds` is from 0 to 86399 and `microseconds` from 0 to
/// 999999, so that what is below zero has its sign in `days` alone.
/// @see Python: datetime.timedelta
struct PROCESSION_API TimeDelta {
    int days = 0;
    int seconds = 0;
    int microseconds = 0;

    TimeDelta() = default;
    TimeDelta(int days_, int seconds_, int microseconds_)
        : days(days_), seconds(seconds_), microseconds(microseconds_) {}
    explicit TimeDelta(std::chrono::microseconds);
    /// @throws ValueError  it is longer than 64 bits of microseconds, some 292000 years
    std::chrono::microseconds count() const;

    friend bool operator==(const TimeDelta&, const TimeDelta&) = default;
};

/// A fixed distance from UTC, less than a day either way.
/// @see Python: datetime.timezone
struct TimeZone {
    TimeDelta offset = {};
    std::optional<std::string> name = {};

    /// As in Python, whatever they are called.
    friend bool operator==(const TimeZone& left, const TimeZone& right) {
        return left.offset == right.offset;
    }
};

/// A day of the years 1 to 9999. @see Python: datetime.date
struct Date {
    int year = 1;
    int month = 1;
    int day = 1;

    friend bool operator==(const Date&, const Date&) = default;
};

/// A time of any day. @see Python: datetime.time
struct Time {
    int hour = 0;
    int minute = 0;
    int second = 0;
    int microsecond = 0;
    std::optional<TimeZone> timezone = {};
    int fold = 0;  ///< 1: the later one of two equal times, where clocks are set back

    friend bool operator==(const Time&, const Time&) = default;
};

/// A day and a time. @see Python: datetime.datetime
struct DateTime {
    Date date = {};
    Time time = {};

    friend bool operator==(const DateTime&, const DateTime&) = default;
};

}  // namespace procession::inline v0
