// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a function is named between processes: by an entry of the table that each module builds at load
// from its template instantiations. A name is (module, build-id, place of the entry in the module),
// and what is at that place is only used if it is an entry that was registered: a name that was made
// up calls nothing.

#include <procession/detail/export.hpp>
#include <procession/serialize.hpp>

namespace procession::inline v0::detail {

/// One function that reads from a message what it needs; registers itself when its module is loaded.
/// What it returns is its kind: a process's target returns nothing, a Function's loader a callable.
class PROCESSION_API FunctionEntry {
  public:
    template <class R>
    explicit FunctionEntry(R (*function)(NativeReader&))
        : FunctionEntry(reinterpret_cast<void (*)()>(function), fingerprint<R>()) {}
    FunctionEntry(FunctionEntry&&) = delete;

    /// @throws StateError  it is of another kind; nothing is called
    template <class R>
    R call(NativeReader& message) const {
        require_kind(fingerprint<R>());
        return reinterpret_cast<R (*)(NativeReader&)>(function_)(message);
    }
    void operator()(NativeReader& arguments) const { call<void>(arguments); }
    const FunctionEntry* next() const { return next_; }

  private:
    FunctionEntry(void (*function)(), std::uint64_t kind);
    void require_kind(std::uint64_t kind) const;

    void (*function_)();
    std::uint64_t kind_;
    const FunctionEntry* next_;
};

/// The entry of a function, one in each module that instantiates it: were it visible, a library that
/// is opened at run time would use the program's. Registered before the module's own static initialisation,
/// which may make something that is sent, such as a barrier with an action.
template <auto Function>
[[gnu::visibility("hidden"), gnu::init_priority(101)]] inline FunctionEntry entry_of{Function};

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

PROCESSION_API void save_place(NativeWriter&, const PlaceName&);
PROCESSION_API PlaceName load_place(NativeReader&);

/// What a pointer to a member function consists of (Itanium C++ ABI, 2.3).
struct MemberFunction {
    std::uintptr_t code;
    std::ptrdiff_t adjustment;
};

/// @throws SerializationError  the function is virtual: then it names no code
PROCESSION_API void save_member_function(NativeWriter&, const MemberFunction&);
/// @param size  of the class: the adjustment stays within it
PROCESSION_API MemberFunction load_member_function(NativeReader&, std::size_t size);

}  // namespace procession::inline v0::detail
