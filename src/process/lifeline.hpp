// SPDX-License-Identifier: Apache-2.0
#pragma once

// Nobody outlives the first process, and no daemon its parent. A lifeline is a pipe that nobody ever
// writes to: its only writer is the process whose death counts. Each other one opens the read end
// anew and has the kernel send it SIGKILL when the writer is gone (F_SETSIG with O_ASYNC), so it
// needs no thread, and nothing that the process does keeps it alive.

#include <cstdint>

#include "os/process_life.hpp"

namespace procession::inline v0::detail {

/// The process whose end ends the program: the writer of its lifeline.
struct ProgramRoot {
    os::ProcessLife life;
    std::uint32_t pid_namespace;
    friend bool operator==(const ProgramRoot&, const ProgramRoot&) = default;
};
/// Known once there is a lifeline.
ProgramRoot program_root();
/// This process as a root.
ProgramRoot own_root();

/// The read end that descendants get: made by the first process, handed on by the others. In a new process
/// that was started afresh it has to be asked for once before the mark is gone.
int program_lifeline();
/// The read end that daemons of this process get.
int daemon_lifeline();

/// In a forked child: the writers are the parent's, and are closed here.
void forget_lifelines_after_fork();
/// From now on the end of this lifeline's writer is ours.
void hang_on(int read_end);

}  // namespace procession::inline v0::detail
