// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <optional>

#include "os/deadline.hpp"
#include "os/descriptor.hpp"

namespace procession::inline v0::os {

/// A descriptor of a process, readable once it has ended. Throws ESRCH when it is gone.
Descriptor pidfd_open(pid_t pid);

/// Sends a signal; false when the process is gone already.
bool pidfd_send_signal(int pidfd, int signal);

/// Waits until a descriptor is readable (or hung up). EINTR does not end the wait.
bool wait_readable(int fd, const Deadline&);

/// How a process ended: n, or -signal; and what it used.
struct WaitStatus {
    int code;
    rusage usage;
};

/// The status of a child of ours that has ended, reaping it; none while it runs.
/// Throws ECHILD when it is not our child, or somebody else reaped it.
std::optional<WaitStatus> reap(int pidfd);

/// When a process started, in clock ticks since boot (field 22 of /proc/PID/stat); 0 when it is gone.
/// With the pid it names a process for good, since pids are reused.
std::uint64_t process_start_time(pid_t pid);

}  // namespace procession::inline v0::os
