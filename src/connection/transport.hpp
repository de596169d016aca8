// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "os/descriptor.hpp"
#include "wire/handshake.hpp"

namespace procession::inline v0::connection {

using wire::Side;

/// How far an attempt came that does not wait.
struct Step {
    std::size_t bytes = 0;  ///< moved
    short awaits = 0;       ///< what to poll for before the next attempt; 0: it need not be waited for
    bool end = false;       ///< the peer sends nothing any more
};

/// A stream of bytes to a peer. Nothing here waits. One thread may read while another writes.
class Transport {
  public:
    virtual ~Transport() = default;
    Transport() = default;
    Transport(Transport&&) = delete;

    /// What comes before the first byte.
    virtual Step open() { return {}; }
    virtual Step read(std::span<std::byte>) = 0;
    /// Two pieces, as if they were one.
    virtual Step write(std::span<const std::byte> first, std::span<const std::byte> second) = 0;
    /// Whether read() has something, or the end, without taking it.
    virtual Step look() = 0;
    /// Sends nothing any more: the peer sees the end.
    virtual void end_writing() = 0;
    /// What Step::awaits is polled on.
    virtual int descriptor() const = 0;
    /// Whether read() has something that polling the descriptor does not show.
    virtual bool has_buffered() const { return false; }
    /// The same file once more. @throws StateError  the state of the stream is this process's alone
    virtual os::Descriptor duplicate() const = 0;
};

/// Over a socket, or over a pipe of the system.
std::unique_ptr<Transport> make_plain_transport(os::Descriptor);

}  // namespace procession::inline v0::connection
