// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/resource.h>

#include <array>
#include <cstdint>

namespace procession::inline v0::os {

/// What the kernel lets this process be and see, as one number: users, groups, capabilities, session,
/// namespaces and control group. A copy of a process with another number would not be like this one.
std::uint64_t credentials_fingerprint();

/// The most that this process may have of each of its resources (getrlimit(2)), by their numbers.
using HardLimits = std::array<rlim_t, RLIM_NLIMITS>;
HardLimits hard_limits();
/// From now on it has as much of each as it may.
void raise_limits();

/// How many threads this process has.
int thread_count();

}  // namespace procession::inline v0::os
