// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace procession::inline v0::detail {

/// Where this run of the program was made to be one of its processes: becomes that, and never returns.
/// Linking whoever calls it also brings in the start function that calls it before main.
void take_over();

/// What the mark of such a run says of `name`, a number; 0 where it says nothing.
std::uint64_t mark_field(std::string_view mark, std::string_view name);

/// Whether a fresh run of this program's file comes here, too. It does not where the library came by a
/// plug-in: the run would be the whole program once more.
bool is_taken_over();
/// Whether static initialisation is over, as far as that can be seen.
bool has_main_begun();

}  // namespace procession::inline v0::detail
