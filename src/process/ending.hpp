// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/process.hpp>

#include <cstddef>

namespace procession::inline v0::detail {

/// Whether a process was killed because memory ran out.
enum class OutOfMemory {
    no,
    likely,   ///< it was killed, and the kernel has killed somebody for lack of memory meanwhile
    yes,      ///< its own control group says so
    unknown,  ///< it was killed; who did it cannot be told here
};

/// What is known of a process that has ended.
struct Ending {
    ExitCode code;         ///< none: it has not ended, and nothing else is known either
    std::size_t peak_rss;  ///< the most that it had in RAM, in bytes; 0: not known
    OutOfMemory out_of_memory;
};

/// How it ended. Does not wait. Whether it was for lack of memory is known where its ProcessState::
/// oom_kills_before or memory_group was set before its start; one kill that the kernel counts explains one
/// death.
Ending ending_of(ProcessState&);

}  // namespace procession::inline v0::detail
