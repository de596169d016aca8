// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/timeout.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "connection/transport.hpp"
#include "os/deadline.hpp"
#include "wire/frame.hpp"

namespace procession::inline v0::managers {

/// Messages over a socket that is nobody else's, one receiver and one sender at a time: so it may read ahead and sleep
/// in the read itself, and a short message costs one system call at either end. A Connection, which may be shared
/// and sent away, takes four.
class SocketStream {
  public:
    /// @param transport  not encrypted, after the handshake
    SocketStream(std::unique_ptr<connection::Transport> transport, std::uint64_t max_message);

    int fd() const { return transport_->descriptor(); }
    /// @throws EndOfFile, std::system_error  the other end is gone
    void send(std::span<const std::byte> message, const std::stop_token& stop);
    /// @param message  in place of what was there, with its memory
    /// @returns false: nothing came in time
    /// @throws EndOfFile, std::system_error  the other end is gone
    /// @throws ValueError  the message is longer than max_message; nothing can be received any more
    bool receive(std::vector<std::byte>& message, const Timeout& timeout, const std::stop_token& stop);
    /// For both ends. A receive in another thread ends.
    void close() noexcept;

  private:
    bool wait_for(short events, const os::Deadline& deadline, const std::stop_token& stop) const;
    bool take_short(std::vector<std::byte>& message);
    void move_to_reader();
    void read_more();

    const std::unique_ptr<connection::Transport> transport_;
    const std::uint64_t max_message_;
    std::array<std::byte, 4096> buffer_;
    std::size_t begin_ = 0, end_ = 0;  ///< of what was read ahead
    wire::FrameReader long_;           ///< a message that does not fit there
};

}  // namespace procession::inline v0::managers
