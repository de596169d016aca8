// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace procession::inline v0::os {

/// How many forks, one within the other, lead to this process from where its memory began, modulo 65536. What
/// was made at another count belongs to the process that this one was forked from.
std::uint16_t fork_count();

}  // namespace procession::inline v0::os
