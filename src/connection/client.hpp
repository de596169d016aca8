// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/listener.hpp>

#include <memory>
#include <stop_token>

#include "connection/transport.hpp"

namespace procession::inline v0::connection {

/// A stream to a listener, after the handshake. What it throws is said at Client().
std::unique_ptr<Transport> connect(const Address&, const ClientOptions&, const std::stop_token&);

}  // namespace procession::inline v0::connection
