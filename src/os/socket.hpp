// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "os/descriptor.hpp"

namespace procession::inline v0::os {

// All are Unix sockets, close-on-exec, whose messages keep their bounds: of type SOCK_SEQPACKET, where the
// end of one side is seen by the other, or mailboxes, of type SOCK_DGRAM, to which anybody may post.

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

/// A mailbox in the abstract namespace, under a name that the kernel picks.
std::pair<Descriptor, std::string> make_mailbox();
/// Puts a message with descriptors into a mailbox, waiting for room. @throws std::system_error ECONNREFUSED:
/// there is none any more
void post(std::string_view mailbox, std::span<const std::byte> bytes, std::span<const int> descriptors);
/// One message out of a mailbox, and who posted it, as the kernel vouches for it.
struct Mail {
    Received received;
    uid_t sender;
};
/// The next one, without waiting; none: there is none.
std::optional<Mail> take_mail(int mailbox, std::span<std::byte> bytes, std::size_t most_descriptors);

bool is_unix_socket(int fd);

/// In a forked child: gives up its share of what it inherited under this number, which stays taken.
void leave_to_parent(int fd) noexcept;

/// The user at the other end, as the kernel vouches for it.
uid_t peer_user(int fd);
/// The process there, as this one sees it; 0: it is not to be seen from here.
pid_t peer_process(int fd);

}  // namespace procession::inline v0::os
