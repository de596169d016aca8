// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

namespace procession::inline v0::os {

/// The numbers of the processors that this thread may run on, in order.
std::vector<int> usable_processors();

/// From now on this thread, and those it starts, run on these alone.
/// @throws std::system_error  EINVAL: none of them may be used
void use_processors(std::span<const int>);

}  // namespace procession::inline v0::os
