// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/timeout.hpp>

#include <chrono>
#include <ctime>
#include <optional>

namespace procession::inline v0::os {

/// A point in time on the steady clock (CLOCK_MONOTONIC) at which a wait ends, or never.
class Deadline {
  public:
    using Clock = std::chrono::steady_clock;

    static Deadline never() { return Deadline(std::nullopt); }
    static Deadline now() { return Deadline(Clock::now()); }
    static Deadline at(Clock::time_point point) { return Deadline(point); }
    static Deadline after(const Timeout& limit);

    bool is_never() const { return !point_; }
    bool expired() const { return point_ && Clock::now() >= *point_; }
    /// This deadline, or now + `limit` if that comes first.
    Deadline sooner(std::chrono::nanoseconds limit) const;
    /// For calls that take an absolute timespec: null when it never comes.
    const timespec* to_timespec(timespec& storage) const;
    /// For poll(2): rounded up, -1 when it never comes.
    int poll_milliseconds() const;

  private:
    explicit Deadline(std::optional<Clock::time_point> point) : point_(point) {}
    std::optional<Clock::time_point> point_;
};

}  // namespace procession::inline v0::os
