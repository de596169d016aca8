// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>

#include "heap/heap.hpp"

namespace procession::inline v0::heap {

/// A variable with static storage, as it is called in every process of the program.
struct StaticName {
    std::uint64_t module;  ///< a hash of its build-id
    std::uint64_t offset;  ///< of the variable in its module
};

/// The name of what lies at an address; none for what has no static storage.
/// @throws StateError its module has no build-id
std::optional<StaticName> static_name(const void* address);

/// The object under a name, which lives as long as the program. Where there is none yet, `make` makes
/// one, held by this process; others that look for it wait meanwhile.
/// @returns the object, and whether it was made here
/// @throws HeapExhausted there are too many
std::pair<Offset, bool> find_or_make_static(Heap&, const StaticName&,
                                            const std::function<Offset()>& make);

}  // namespace procession::inline v0::heap
