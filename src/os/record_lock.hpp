// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace procession::inline v0::os {

// POSIX record locks (F_SETLK, not the OFD kind): they belong to a process, not to a thread or an
// open file, and the kernel drops them at the process's death or exec and never before, with one
// trap: closing ANY descriptor of the same file drops them. Whoever holds one must not do that.

/// Takes byte `at` of the file for this process; false when another process has it.
/// Succeeds again when this process has it already.
bool try_lock_byte(int fd, std::uint64_t at);

/// Gives the byte back.
void unlock_byte(int fd, std::uint64_t at);

/// Whether another process holds the byte, or one of `count`. Our own hold is never reported (fcntl(2)).
bool byte_is_held_by_another(int fd, std::uint64_t at, std::uint64_t count = 1);

}  // namespace procession::inline v0::os
