// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a function is named between processes: by an entry of the table that each module builds at load
// from its template instantiations. A name is (module, build-id, place of the entry in the module),
// and what is at that place is only used if it is an entry that was registered: a name that was made
// up calls nothing.

#include <procession/detail/export.hpp>
#include <procession/serialize.hpp>

namespace procession::inline v0::detail {

/// One sendable function; registers itself when its module is loaded.
class PROCESSION_API FunctionEntry {
  public:
    using Invoke = void (*)(NativeReader&);
    explicit FunctionEntry(Invoke invoke);
    FunctionEntry(FunctionEntry&&) = delete;
    void operator()(NativeReader& arguments) const { invoke_(arguments); }
    const FunctionEntry* next() const { return next_; }

  private:
    Invoke invoke_;
    const FunctionEntry* next_;
};

/// The entry of an invoker, one in each module that instantiates it: were it visible, a library that
/// is opened at run time would use the program's.
template <auto Invoke>
[[gnu::visibility("hidden")]] inline FunctionEntry entry_of{Invoke};

/// A place in a module, as it is called in every process that has the same build of it loaded.
struct PlaceName {
    std::string module;
    std::string build_id;
    std::uint64_t offset;
};

PROCESSION_API PlaceName name_of(const FunctionEntry&);
/// @throws StateError naming the module, if no such entry is registered here
PROCESSION_API const FunctionEntry& find_entry(const PlaceName&);

/// A plain function's name. Only functions of modules that have entries, not the C library's.
PROCESSION_API PlaceName name_of_code(const void* function);
/// The function; it must begin exactly there, by the module's own unwind table.
PROCESSION_API const void* find_code(const PlaceName&);

}  // namespace procession::inline v0::detail
