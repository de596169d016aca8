// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/address.hpp>

#include <optional>
#include <vector>

#include "os/stream_socket.hpp"

namespace procession::inline v0::connection {

/// What an address stands for; a host may have several.
std::vector<os::SocketAddress> resolve(const Address&);
/// As users see it; none for a Unix socket without a name.
std::optional<Address> address_of(const os::SocketAddress&);

}  // namespace procession::inline v0::connection
