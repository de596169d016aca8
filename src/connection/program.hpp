// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/listener.hpp>

#include <optional>
#include <string>

namespace procession::inline v0::connection {

/// What the peer has to be with this format: the build-id of this program; none: anything.
std::optional<std::string> program_for(Format);

/// @throws ValueError  the format is native, but nothing tells who the peer is; or there is no build-id
void check_format(Format, bool is_unix, bool has_key, bool is_encrypted, const char* object);

}  // namespace procession::inline v0::connection
