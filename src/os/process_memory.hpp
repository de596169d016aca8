// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <cstddef>
#include <optional>

namespace procession::inline v0::os {

/// How much of a process is in RAM, in bytes. The kernel counts in batches, so it may be off by some pages.
struct ProcessMemory {
    std::size_t resident;  ///< 0 once it has ended
    std::size_t shared;    ///< of these: of files and shared memory, which others may have as well
    std::size_t own() const { return resident - std::min(resident, shared); }
};

/// Now; none where there is no such process, or it may not be known. Cheap enough to ask often.
std::optional<ProcessMemory> memory_of(pid_t pid);

/// The most that was ever resident, since its last exec. None once it has ended.
std::optional<std::size_t> peak_resident_of(pid_t pid);

}  // namespace procession::inline v0::os
