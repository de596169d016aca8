// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/connection_core.hpp>

#include <memory>
#include <utility>

namespace procession::inline v0::connection {

using detail::ConnectionCore;

/// The two ends of a new pipe.
std::pair<std::unique_ptr<ConnectionCore>, std::unique_ptr<ConnectionCore>> make_pipe(bool duplex);
/// The end that a message names.
std::unique_ptr<ConnectionCore> read_pipe_end(detail::ByteReader&);

}  // namespace procession::inline v0::connection
