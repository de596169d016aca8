// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/limits.hpp>

#include <string_view>

namespace procession::inline v0::detail {

/// @throws ValueError  a limit that no process could live with; `what` is the call that got it
void check_limits(const Limits&, std::string_view what);

/// Puts them on this process, but for Limits::resident.
/// @throws std::system_error  the system refuses, as it does a nice value below the parent's
void apply_limits(const Limits&);

}  // namespace procession::inline v0::detail
