// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/message_type.hpp>
#include <procession/detail/queue_message.hpp>
#include <procession/timeout.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

namespace procession::inline v0 {

/// How values become bytes on a connection.
enum class Format : std::uint8_t {
    pickle,  ///< as CPython's multiprocessing does, which may be at the other end
    native,  ///< the machine's own bytes: the same program is at the other end
};

namespace detail {

/// A message that was received: in the native format with the fingerprint of what it was sent as, or a
/// pickle.
class ReceivedMessage {
  public:
    ReceivedMessage() {}  // and leaves the room for a short one as it is

    /// What was sent, without the fingerprint.
    std::span<const std::byte> bytes() const {
        return lies_in_ == native ? native_.bytes().subspan(sizeof(std::uint64_t)) : bytes_;
    }
    /// Of one in the native format.
    std::uint64_t fingerprint() const { return fingerprint_; }
    /// Whether it was written where it is wanted.
    bool is_in_place() const { return lies_in_ == place; }
    /// The same bytes, which may move out of it.
    std::vector<std::byte> take_bytes() {
        if (lies_in_ == memory) return std::move(memory_);
        const auto all = bytes();
        return {all.begin(), all.end()};
    }

    /// Holds one as it lay in a pipe.
    template <class Message>
    void hold_native(std::uint64_t fingerprint, Message&& message) {
        native_.hold(std::forward<Message>(message));
        fingerprint_ = fingerprint;
    }
    /// Holds bytes, which were read one after the other.
    void hold(std::uint64_t fingerprint, std::vector<std::byte> bytes) {
        memory_ = std::move(bytes);
        bytes_ = memory_;
        lies_in_ = memory;
        fingerprint_ = fingerprint;
    }
    void hold_in_place(std::uint64_t fingerprint, std::span<const std::byte> bytes) {
        bytes_ = bytes;
        lies_in_ = place;
        fingerprint_ = fingerprint;
    }

  private:
    TakenMessage native_;
    std::vector<std::byte> memory_;
    std::span<const std::byte> bytes_;
    std::uint64_t fingerprint_ = 0;
    enum { native, memory, place } lies_in_ = native;
};

/// What is to be received.
struct Wanted {
    const char* caller;
    /// As one of which it must have been sent, in the native format; none: as anything.
    std::span<const std::uint64_t> fingerprints = {};
    std::size_t longest = std::numeric_limits<std::size_t>::max();
    /// Where a long one is to be written at once, if it has room.
    std::span<std::byte> into = {};
};

/// One end of a pipe, or of a socket: bytes go in and come out as whole messages. All members may be called
/// by several threads at once. What they throw is said at Connection.
class PROCESSION_API ConnectionCore : public Passenger {
  public:
    virtual Format format() const noexcept = 0;
    virtual bool readable() const noexcept = 0;
    virtual bool writable() const noexcept = 0;

    /// Sends what was written: in the native format, after its type's fingerprint.
    virtual void send(Buffer& message, const std::stop_token&) = 0;
    /// Sends bytes as they are.
    virtual void send_bytes(std::span<const std::byte>, const std::stop_token&) = 0;
    /// @returns false: nothing arrived in time
    virtual bool receive(ReceivedMessage&, const Wanted&, const Timeout&, const std::stop_token&) = 0;
    /// Makes what was received the next to be received again: it was not what the caller can take.
    virtual void put_back(ReceivedMessage&&) = 0;
    virtual bool poll(const Timeout&, const std::stop_token&) = 0;
    virtual void send_handle(int fd, const std::stop_token&) = 0;
    virtual int receive_handle(const Timeout&, const std::stop_token&) = 0;
    virtual int fileno() = 0;

    virtual void close() noexcept = 0;
    virtual bool closed() const noexcept = 0;
    /// The same end once more.
    virtual std::unique_ptr<ConnectionCore> dup() const = 0;
    /// Writes into a message by what another process gets at the end.
    virtual void write(Buffer&) = 0;
    static std::unique_ptr<ConnectionCore> read(ByteReader&);
};

}  // namespace detail
}  // namespace procession::inline v0
