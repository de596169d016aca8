// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/connection_core.hpp>

#include <cstdint>
#include <memory>

#include "connection/socket_end.hpp"

namespace procession::inline v0::connection {

/// A connection over a stream whose handshake is done.
std::unique_ptr<detail::ConnectionCore> make_socket_connection(std::unique_ptr<Transport>, Direction,
                                                               Format, std::uint64_t max_message);

/// The one that a message names.
std::unique_ptr<detail::ConnectionCore> read_socket_connection(detail::ByteReader&);

}  // namespace procession::inline v0::connection
