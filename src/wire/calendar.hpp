// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/datetime.hpp>
#include <procession/object.hpp>

#include <cstdint>
#include <string>

// The types of Python's module datetime: what is one, when two are equal, how they print.
namespace procession::inline v0::detail {

/// @throws ValueError  Python has no such value
void check(const TimeDelta&);
void check(const TimeZone&);
void check(const Date&);
void check(const Time&);
void check(const DateTime&);

/// What makes two values of one type equal: where there is a distance from UTC, the time there.
struct Moment {
    bool is_aware = false;
    std::int64_t days = 0;
    std::int64_t microseconds = 0;

    friend bool operator==(const Moment&, const Moment&) = default;
};
/// Of one of the five.
Moment moment_of(const Object& object);

/// Python's repr: datetime.date(2020, 1, 2).
std::string repr(const TimeDelta&);
std::string repr(const TimeZone&);
std::string repr(const Date&);
std::string repr(const Time&);
std::string repr(const DateTime&);

}  // namespace procession::inline v0::detail
