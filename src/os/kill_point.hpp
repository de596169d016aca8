// SPDX-License-Identifier: Apache-2.0
#pragma once

// A place at which the fault tests can have this process killed with SIGKILL, as the kernel would
// do it. Planted between the steps of everything that must survive a death there; compiled to
// nothing unless the build sets PROCESSION_KILL_POINTS.

#ifdef PROCESSION_KILL_POINTS

#include <procession/detail/export.hpp>

namespace procession::inline v0::os {

/// From now on the `nth` arrival (1: the first) at the point of this name kills the process.
/// An empty name selects every point. In this process and the children that it forks.
PROCESSION_API void select_kill_point(const char* name, int nth = 1);

/// Not to be called directly: PROCESSION_KILL_POINT(name) is how a point is planted.
PROCESSION_API void at_kill_point(const char* name);

}  // namespace procession::inline v0::os

#define PROCESSION_KILL_POINT(name) ::procession::os::at_kill_point(name)

#else
#define PROCESSION_KILL_POINT(name) static_cast<void>(0)
#endif
