// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "os/descriptor.hpp"
#include "os/poll.hpp"

namespace procession::inline v0::os {

// Sockets that carry a stream: TCP, and Unix sockets of type SOCK_STREAM; close-on-exec.

/// Where such a socket is, or its peer.
class SocketAddress {
  public:
    SocketAddress() = default;
    /// @throws std::system_error  ENAMETOOLONG
    static SocketAddress of_path(std::string_view);
    static SocketAddress of_abstract(std::string_view name);
    /// What a host's name stands for, IPv4 first; empty: all interfaces.
    static std::vector<SocketAddress> of_host(const std::string& host, int port);
    static SocketAddress of_socket(int fd);
    static SocketAddress of_peer(int fd);

    bool is_unix() const { return storage_.ss_family == AF_UNIX; }
    /// Whether only this host's processes can get there.
    bool is_loopback() const;
    std::string host() const;  ///< of TCP, as a number
    int port() const;          ///< of TCP
    std::string path() const;  ///< of a Unix socket that has one
    std::string abstract_name() const;

    const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
    socklen_t size() const { return size_; }

  private:
    template <class GetName>
    static SocketAddress ask(GetName, int fd, const char* call);

    sockaddr_storage storage_{};
    socklen_t size_ = 0;
};

/// Listens. A path's file is only for this user, from its first moment.
/// @param object  for errors
Descriptor listen_at(const SocketAddress&, int backlog, std::string_view object);

/// A connection that waits at a listening socket; none when there is none, or when it has gone again.
std::optional<Descriptor> accept_waiting(int listener);

/// Connects, or says why its wait ended before.
Polled connect_to(Descriptor& connected, const SocketAddress&, const Deadline&, const Interruption&,
                  std::string_view object);

/// Small messages go at once, and a host that vanished is found out: after 90 silent seconds.
void prepare_tcp(int fd);
/// Has the peer know at once that all of its bytes came. Otherwise the kernel waits for an answer to send that with,
/// for 40 ms, and a peer that has not set TCP_NODELAY as long to send its next message.
void acknowledge(int fd);

}  // namespace procession::inline v0::os
