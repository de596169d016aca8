// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace procession::inline v0::os {

/// Which process, for good: its pid may be another's later, but not with the same start time.
struct ProcessLife {
    pid_t pid;
    std::uint64_t start_time;  ///< in clock ticks since the system's start
    friend bool operator==(const ProcessLife&, const ProcessLife&) = default;
};

ProcessLife own_life();
/// Whether that process of our pid namespace has ended. False as long as it cannot be known.
bool is_over(const ProcessLife&);

/// Which pid namespace this process is in: pids of another one say nothing here.
std::uint32_t pid_namespace();

}  // namespace procession::inline v0::os
