// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "connection/transport.hpp"
#include "wire/handshake.hpp"

namespace procession::inline v0::connection {

/// A stream on its way to be a connection: encryption first, then the handshake. Nothing here waits.
class Greeting {
  public:
    Greeting(std::unique_ptr<Transport> transport, wire::Handshake handshake)
        : transport_(std::move(transport)), handshake_(std::move(handshake)) {}

    /// Goes as far as it can. @returns what to poll the transport for; 0: it is done
    /// @throws AuthenticationError  it failed
    short advance();
    /// What it waits for, in words.
    const char* stage() const { return open_ ? handshake_.stage() : "for encryption"; }
    int descriptor() const { return transport_->descriptor(); }
    /// The stream, once it is done.
    std::unique_ptr<Transport> take() { return std::move(transport_); }

  private:
    short attempt();

    std::unique_ptr<Transport> transport_;
    wire::Handshake handshake_;
    bool open_ = false;
};

}  // namespace procession::inline v0::connection
