// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace procession::inline v0::connection {

/// What a connection in a message is.
enum class Kind : std::uint8_t { end_of_pipe, socket };

}  // namespace procession::inline v0::connection
