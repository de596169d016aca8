// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// How long a call may wait.

#include <algorithm>
#include <chrono>
#include <optional>

namespace procession::inline v0 {

/// The longest time that a call may wait; none means without limit.
///
/// Made from any `std::chrono` duration, floating point too: rounded up to whole nanoseconds,
/// saturating, below zero is zero. A bare number does not compile, because it has no unit.
/// A plain value; measured on the steady clock from the moment the call begins.
class Timeout : public std::optional<std::chrono::nanoseconds> {
    using Base = std::optional<std::chrono::nanoseconds>;

  public:
    /// No limit.
    constexpr Timeout() noexcept = default;
    /// No limit.
    constexpr Timeout(std::nullopt_t) noexcept {}
    /// As given; none is no limit, below zero is zero.
    constexpr Timeout(std::optional<std::chrono::nanoseconds> limit) noexcept
        : Base(limit ? Base(std::max(*limit, std::chrono::nanoseconds::zero())) : Base()) {}
    /// Any duration: rounded up, saturating.
    template <class Rep, class Period>
    constexpr Timeout(std::chrono::duration<Rep, Period> limit) noexcept : Base(rounded(limit)) {}

  private:
    template <class Rep, class Period>
    static constexpr std::chrono::nanoseconds rounded(std::chrono::duration<Rep, Period> limit) {
        using std::chrono::nanoseconds;
        if (!(limit > limit.zero())) return nanoseconds::zero();
        const auto wide = std::chrono::duration<long double, std::nano>(limit).count();
        if (wide >= static_cast<long double>(nanoseconds::max().count())) return nanoseconds::max();
        const auto whole = static_cast<nanoseconds::rep>(wide);
        return nanoseconds(static_cast<long double>(whole) < wide ? whole + 1 : whole);
    }
};

/// No limit.
inline constexpr Timeout forever{};

namespace detail {

/// Attempts until `point`, on whichever clock that is.
template <class Clock, class Duration, class Attempt>
bool attempt_until(const std::chrono::time_point<Clock, Duration>& point, Attempt attempt) {
    // Again, since a clock that can be set may have gone back meanwhile.
    do {
        if (attempt(Timeout(point - Clock::now()))) return true;
    } while (Clock::now() < point);
    return false;
}

}  // namespace detail

}  // namespace procession::inline v0
