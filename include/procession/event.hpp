// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Events: what one process says and any number of others wait for.

#include <procession/detail/printing.hpp>
#include <procession/timeout.hpp>

#include <stop_token>
#include <string>

namespace procession::inline v0 {

/// A flag that any process may set and clear, and wait for.
///
/// | state   | wait            | set             | clear    |
/// |---------|-----------------|-----------------|----------|
/// | not set | waits           | set; wakes all  | no change|
/// | set     | returns at once | no change       | not set  |
///
/// A wait that began before a set() returns true, also when clear() followed at once. It belongs to
/// nobody, so nobody's death changes it.
///
/// A handle: a copy is the same event, and it may be passed to processes as an argument and inside
/// messages.
///
/// Memory order: who sees it set sees all that was written before set().
/// @par Thread safety   safe on a shared object
/// @par Process safety  safe
/// @see Python: multiprocessing.Event
class PROCESSION_API Event : public detail::Handle {
  public:
    /// A new event, not set.
    Event();
    /// The event that a message names. @throws TypeMismatch  it is no event
    explicit Event(detail::Handle handle);

    /// Whether it is set at this moment.
    bool is_set() const;
    /// Sets it, and wakes all who wait.
    void set() const;
    /// From now on waits wait again.
    void clear() const;

    /// Waits until it is set.
    /// @returns true; false when the time ran out
    /// @throws CancelledError  a stop was requested
    /// @par Blocking  up to the timeout, on the steady clock; EINTR does not end the wait
    bool wait() const { return wait_within({}, {}); }
    bool wait(Timeout timeout) const { return wait_within(timeout, {}); }
    bool wait(std::stop_token stop) const { return wait_within({}, stop); }
    bool wait(Timeout timeout, std::stop_token stop) const { return wait_within(timeout, stop); }

    /// As Python prints it: "<Event at 0x7f2c5a0010c0 set>", or "unset".
    std::string to_string() const;

  private:
    bool wait_within(Timeout, const std::stop_token&) const;
};

}  // namespace procession::inline v0
