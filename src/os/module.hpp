// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <link.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace procession::inline v0::os {

/// The program or a shared library, as it is loaded in this process.
struct Module {
    std::string path;      ///< empty for the program
    std::string build_id;  ///< empty when it was linked without
    std::uintptr_t base;   ///< what its own offsets are counted from
    const ElfW(Phdr) * headers;
    int header_count;

    std::uint64_t offset_of(const void* place) const {
        return reinterpret_cast<std::uintptr_t>(place) - base;
    }
    /// Whether a place lies in one of its segments that has all these `flags` (PF_W, ...).
    bool contains(const void* place, ElfW(Word) flags = 0) const;
    /// Its .eh_frame_hdr; null without.
    const std::byte* unwind_table() const;
};

/// The first module that is wanted. The loader's lock is held meanwhile.
std::optional<Module> find_module(const std::function<bool(const Module&)>& wanted);

/// How many modules have been unloaded: while it stays, addresses mean what they meant.
unsigned long long unloaded_modules();

/// The module in whose data a place lies: none for a stack, the heap and thread-local storage. Takes
/// no lock for a place outside of all modules.
std::optional<Module> module_with_data_at(const void* place);

}  // namespace procession::inline v0::os
