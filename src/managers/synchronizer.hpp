// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "managers/referent.hpp"
#include "os/monitor.hpp"

namespace procession::inline v0::managers {

/// What clients of a manager wait for each other at. It is what it is by who holds it and who waits, so
/// there is no copy of it.
class Synchronizer : public Referent {
  public:
    /// @throws TypeMismatch  always
    Object value() const override;
    bool minds_clients() const override { return true; }
};

/// When a wait for `acquire(blocking=True, timeout=None)` ends; a timeout of -1 is Python's other way to say
/// that there is none.
/// @throws ValueError  it is not to wait, and has a timeout
os::Deadline acquire_deadline(const Arguments& arguments);

/// @param what  "Lock", "Queue::get"
/// @throws CancelledError  that is how the wait ended
void throw_if_stopped(os::Waited waited, std::string_view what);

}  // namespace procession::inline v0::managers
