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

/// The same; for one that is gone already a descriptor that is readable at once, as its own would be.
Descriptor pidfd_open_even_if_gone(pid_t pid);

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
/// The same; none, too, when somebody else reaped it: the program may do so by itself.
std::optional<WaitStatus> reap_quietly(int pidfd) noexcept;
/// The same of one that has ended. One that is traced, by a debugger or a leak check, is its parent's to reap only
/// when its tracer has let go of it: that is waited for, for a second at most.
std::optional<WaitStatus> reap_ended(int pidfd) noexcept;
/// Reaps any child that has ended: only for a process that is nothing but ours.
struct Ended {
    pid_t pid;
    WaitStatus status;
};
std::optional<Ended> reap_any();

/// How a process ended that somebody else has reaped or will reap at once: n, or -signal. None where
/// the kernel does not keep it (before Linux 6.15).
std::optional<int> exit_code_of(int pidfd);

}  // namespace procession::inline v0::os
