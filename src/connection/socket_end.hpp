// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <vector>

#include "connection/readiness.hpp"
#include "connection/transport.hpp"
#include "connection/turn.hpp"
#include "os/deadline.hpp"
#include "wire/frame.hpp"

namespace procession::inline v0::connection {

/// How long what stands before a message may be.
inline constexpr std::size_t longest_prefix = 8;

/// In which direction messages go.
struct Direction {
    bool readable = true;
    bool writable = true;
};

/// One end of a stream that carries messages in CPython's frames.
///
/// It reads no byte beyond the message that it is asked for, so whoever else has the same socket finds the
/// next one whole; and what a receive had when its time ran out, the next one goes on with.
/// @par Thread safety   safe; messages sent by several threads do not mix, and close() ends their waits
class SocketEnd {
  public:
    SocketEnd(std::unique_ptr<Transport>, Direction, std::uint64_t max_message);
    ~SocketEnd() { close(); }
    SocketEnd(SocketEnd&&) = delete;

    /// Sends a message: a prefix of a few bytes, and the rest. When the wait ends within it, the end sends nothing any more, and the peer's receive
    /// fails.
    /// @throws EndOfFile  the peer is closed
    void send(const char* caller, std::span<const std::byte> prefix, std::span<const std::byte> message,
              const os::Deadline&, const std::stop_token& = {});
    /// Receives a message.
    /// @throws EndOfFile           the peer is closed, and everything was received
    /// @param caller  for errors
    /// @throws ValueError          it is longer than `maxlength`, and can still be received
    /// @throws std::system_error   EMSGSIZE: it is longer than the end's own limit, or no message; nothing can be
    ///                             received any more. ECONNRESET: the peer ended within it
    std::vector<std::byte> recv(const char* caller, std::uint64_t maxlength, const os::Deadline&,
                                const std::stop_token& = {});
    /// Makes a message the next to be received again.
    void put_back(std::vector<std::byte> message);
    /// Waits until there is something to receive, or the end. Takes nothing. @returns false: the time ran out
    bool poll(const os::Deadline&, const std::stop_token& = {});

    /// Readable whenever there is something to receive, or the end.
    int fileno();
    /// The same socket once more. @throws StateError  it is encrypted, or within a message
    os::Descriptor duplicate() const;
    void close() noexcept;
    bool closed() const noexcept;
    bool readable() const noexcept { return readable_.load(); }
    bool writable() const noexcept { return writable_.load(); }
    std::uint64_t max_message() const { return max_message_; }

  private:
    class Waiting;
    class Guard;
    std::shared_ptr<Transport> transport_for(const char* what) const;
    std::optional<std::vector<std::byte>> take_back(const char* caller, std::uint64_t maxlength);
    bool has_put_back() const;
    [[noreturn]] void refuse(const char* caller, std::uint64_t longest);
    void show_what_is_buffered(const Transport&);

    const std::uint64_t max_message_;
    std::atomic<bool> readable_, writable_;

    mutable std::mutex mutex_;              ///< guards what follows, for moments only
    std::shared_ptr<Transport> transport_;  ///< who uses it keeps it
    std::stop_source closing_;
    std::deque<std::vector<std::byte>> put_back_;
    std::optional<Readiness> readiness_;

    mutable Turn reading_, writing_;
    wire::FrameReader frame_;  ///< whose turn it is to read
};

}  // namespace procession::inline v0::connection
