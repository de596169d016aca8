// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/timeout.hpp>

#include <chrono>
#include <ctime>

namespace procession::inline v0::os {

/// A point in time on the steady clock (CLOCK_MONOTONIC) at which a wait ends, or never.
class Deadline {
  public:
    using Clock = std::chrono::steady_clock;

    static Deadline never() { return Deadline(Clock::time_point::max()); }
    static Deadline now() { return Deadline(Clock::now()); }
    static Deadline at(Clock::time_point point) { return Deadline(point); }
    static Deadline after(const Timeout& limit);

    bool is_never() const { return point_ == Clock::time_point::max(); }
    bool expired() const { return !is_never() && Clock::now() >= point_; }
    /// This deadline, or now + `limit` if that comes first; nanoseconds::max() is no limit.
    Deadline sooner(std::chrono::nanoseconds limit) const;
    /// How long it is until then; zero if that is past.
    Timeout left() const { return is_never() ? Timeout() : Timeout(point_ - Clock::now()); }
    /// When it comes; the end of time when never.
    Clock::time_point point() const { return point_; }
    /// For calls that take an absolute timespec: null when it never comes.
    const timespec* to_timespec(timespec& storage) const;
    /// For poll(2): rounded up, -1 when it never comes.
    int poll_milliseconds() const;

  private:
    explicit Deadline(Clock::time_point point) : point_(point) {}
    Clock::time_point point_;
};

}  // namespace procession::inline v0::os
