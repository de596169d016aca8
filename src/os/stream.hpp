// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits.h>

#include <cstddef>
#include <optional>
#include <span>

#include "os/deadline.hpp"

namespace procession::inline v0::os {

// Streams of bytes: sockets, and the system's pipes. None of these waits, whatever the flags of the file, but
// *_waiting() and write_until(); a signal ends none, and a gone peer is EPIPE, not SIGPIPE.

bool is_socket(int fd);
/// Whether one of these poll(2) events holds now, or the end or a failure does.
bool is_ready(int fd, short events);

/// What a socket has, at most as much as there is room for; 0 at its end, none when nothing is there yet.
std::optional<std::size_t> receive_some(int fd, std::span<std::byte> room);
/// As much of the two as a socket takes; none when it takes nothing now.
std::optional<std::size_t> send_some(int fd, std::span<const std::byte> first,
                                     std::span<const std::byte> second);
/// The same, waiting until there is something, or until something is taken.
std::size_t receive_waiting(int fd, std::span<std::byte> room);
std::size_t send_waiting(int fd, std::span<const std::byte> first, std::span<const std::byte> second);
void shut_down_writing(int fd) noexcept;
/// Both ways, for all who have the socket: those who wait there go on.
void shut_down(int fd) noexcept;

/// What a pipe that is ready has; 0 at its end.
std::size_t read_some(int fd, std::span<std::byte> room);
/// Into a pipe that is ready, and so has room for this much.
inline constexpr std::size_t sure_pipe_room = PIPE_BUF;
std::size_t write_some(int fd, std::span<const std::byte> first, std::span<const std::byte> second);

/// To a file of any kind, waiting while it does not take it. @returns how much it has taken, when that was
/// all, at the deadline, or when it takes no more. Before Linux 6.4 it may wait for longer where others
/// write to the same pipe.
std::size_t write_until(int fd, std::span<const std::byte>, const Deadline&);

}  // namespace procession::inline v0::os
