// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "os/descriptor.hpp"

namespace procession::inline v0::os {

// All are Unix sockets of type SOCK_SEQPACKET, close-on-exec: messages keep their bounds, and the
// end of one side is seen by the other.

/// Two connected ends.
std::pair<Descriptor, Descriptor> make_socketpair();

/// Sends one message with descriptors. A signal does not end it; a gone peer is EPIPE, not SIGPIPE.
void send_message(int fd, std::span<const std::byte> bytes, std::span<const int> descriptors = {});

/// One received message.
struct Received {
    std::size_t size;  ///< 0: the other end is closed
    std::vector<Descriptor> descriptors;
};

/// Receives one message; a longer one than fits, or more descriptors, is EMSGSIZE.
Received receive_message(int fd, std::span<std::byte> bytes, std::size_t most_descriptors);

/// A listening socket in the abstract namespace, under a name that the kernel picks and that leaves no
/// file.
std::pair<Descriptor, std::string> listen_abstract();
/// A connection to such a socket. Not waited for: EAGAIN when its backlog is full.
Descriptor connect_abstract(std::string_view name);
Descriptor accept_connection(int listener);

/// The user at the other end, as the kernel vouches for it.
uid_t peer_user(int fd);

}  // namespace procession::inline v0::os
