// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace procession::inline v0::os {

/// What the kernel lets this process be and see, as one number: users, groups, capabilities, session,
/// namespaces and control group. A copy of a process with another number would not be like this one.
std::uint64_t credentials_fingerprint();

/// How many threads this process has.
int thread_count();

}  // namespace procession::inline v0::os
