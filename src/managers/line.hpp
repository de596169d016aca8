// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/connection.hpp>
#include <procession/detail/proxy_core.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <vector>

#include "connection/transport.hpp"
#include "managers/protocol.hpp"
#include "managers/socket_stream.hpp"

namespace procession::inline v0::managers {

/// What one end of a pipe says of itself with each message.
struct Vigil {
    bool looks = false;  ///< for what comes next, before it sleeps
    int processor = -1;  ///< on which it runs
};

/// A message as it comes: a pickle, and within a program the proxies that are in it.
struct LineMessage {
    Bytes bytes = {};
    std::vector<detail::ProxyCore> proxies = {};
    Vigil vigil = {};

    template <class Archive>
    void serialize(Archive& archive) {
        archive(bytes, proxies, vigil.looks, vigil.processor);
    }
};

/// Whether to look for a while before one sleeps.
///
/// It pays where each message is answered at once and by one that looks as well, on another processor: to be woken takes
/// ten times as long as all the rest. So each end says with what it sends whether it looks for what comes next, and
/// the other does as it hears; one of them tries it now and then, ever more rarely when it was in vain.
class Alertness {
  public:
    using Duration = std::chrono::steady_clock::duration;

    /// Called before something is sent: what is to be said with it.
    Vigil decide();
    /// How long to look; zero: not at all.
    Duration limit() const;
    /// Whether something came meanwhile.
    void note(bool came);
    /// What the other end has said.
    void hear(const Vigil& other) { other_ = other; }

  private:
    bool looks_ = false, is_quick_ = false;
    Vigil other_;
    int in_vain_ = 0, skips_ = 0;
};

/// A connection between a server and a client: over a socket, or a pipe within a program. One thread at a time sends
/// and receives; any may close.
class Line {
  public:
    enum class Kind { socket, pipe };

    static Line over_pipe(Connection end);
    /// @param is_encrypted  the transport is
    static Line over_socket(std::unique_ptr<connection::Transport> transport, bool is_encrypted,
                            std::uint64_t max_message);

    Kind kind() const { return fd_ < 0 ? Kind::pipe : Kind::socket; }
    /// Of a socket; -1: it is none.
    int fd() const { return fd_; }
    /// @param message  keeps its memory for the next one
    /// @throws EndOfFile, std::system_error  the other end is gone
    void send(LineMessage& message, const std::stop_token& stop = {});
    /// @param message  in place of what was there
    /// @returns false: nothing came in time @throws as send()
    bool receive(LineMessage& message, const Timeout& timeout, const std::stop_token& stop = {});
    /// Who receives in another thread is at the end.
    void close() noexcept;

  private:
    Line(int fd, Connection connection, std::unique_ptr<SocketStream> stream)
        : fd_(fd), connection_(std::move(connection)), stream_(std::move(stream)) {}
    bool receive_from_pipe(LineMessage& message, const Timeout& timeout, const std::stop_token& stop);

    const int fd_;
    Connection connection_;                 ///< a pipe's end, or what is encrypted
    std::unique_ptr<SocketStream> stream_;  ///< else
    Alertness alertness_;
};

}  // namespace procession::inline v0::managers
