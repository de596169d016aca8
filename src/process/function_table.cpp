// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <fmt/format.h>
#include <procession/detail/target.hpp>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "os/module.hpp"

namespace procession::inline v0::detail {
namespace {

using os::Module;

// Filled before main and by dlopen; entries of a module that is unloaded are a use after unloading
// like any other.
std::atomic<const FunctionEntry*> newest_entry{nullptr};

bool has_entries(const Module& module) {
    for (auto entry = newest_entry.load(); entry; entry = entry->next())
        if (module.contains(entry)) return true;
    return false;
}

PlaceName name_of_place(const void* place) {
    const auto module = os::find_module([&](const Module& each) { return each.contains(place); });
    if (!module || module->build_id.empty())
        throw SerializationError(fmt::format(
            "function at {}: its module \"{}\" has no build-id, so it has no name in another process. "
            "Link with -Wl,--build-id.",
            place, module ? module->path : ""));
    return {module->path, module->build_id, module->offset_of(place)};
}

Module module_of(const PlaceName& name) {
    const auto same = [&](const Module& each) {
        return !name.build_id.empty() && each.build_id == name.build_id;
    };
    auto module = os::find_module(same);
    if (!module && !name.module.empty() && ::dlopen(name.module.c_str(), RTLD_NOW))
        module = os::find_module(same);
    if (!module)
        throw StateError(fmt::format(
            "module \"{}\": this process has no such build of it. Start processes from programs that "
            "run the same build.",
            name.module.empty() ? "(the program)" : name.module));
    return *std::move(module);
}

[[noreturn]] void refuse(const PlaceName& name) {
    throw StateError(fmt::format(
        "module \"{}\": there is no function of the program at {:#x}; nothing is called. A function "
        "of another library is to be wrapped in a lambda.",
        name.module.empty() ? "(the program)" : name.module, name.offset));
}

// The unwind table's index is sorted by the functions' starts, relative to the table itself (Linux
// Standard Base, .eh_frame_hdr): what is no start in it is no function.
bool is_function_start(const Module& module, std::uintptr_t address) {
    constexpr std::byte data_relative{0x3b};
    const std::byte* const table = module.unwind_table();
    if (!table || table[3] != data_relative) return false;
    std::uint32_t count = 0;
    std::memcpy(&count, table + 8, sizeof count);
    struct Row {
        std::int32_t start, description;
    };
    const auto* rows = reinterpret_cast<const Row*>(table + 12);
    const auto wanted = static_cast<std::int64_t>(address - reinterpret_cast<std::uintptr_t>(table));
    const auto* found = std::lower_bound(rows, rows + count, wanted,
                                         [](const Row& row, std::int64_t at) { return row.start < at; });
    return found != rows + count && found->start == wanted;
}

}  // namespace

FunctionEntry::FunctionEntry(void (*function)(), std::uint64_t kind)
    : function_(function), kind_(kind), next_(newest_entry.load()) {
    while (!newest_entry.compare_exchange_weak(next_, this)) {
    }
}

void FunctionEntry::require_kind(std::uint64_t kind) const {
    if (kind_ != kind)
        throw StateError(
            "function table: the name is that of a function of another signature; nothing is "
            "called. Receive it as what was sent.");
}

PlaceName name_of(const FunctionEntry& entry) { return name_of_place(&entry); }

const FunctionEntry& find_entry(const PlaceName& name) {
    const Module module = module_of(name);
    for (auto entry = newest_entry.load(); entry; entry = entry->next())
        if (reinterpret_cast<std::uintptr_t>(entry) == module.base + name.offset) return *entry;
    refuse(name);
}

PlaceName name_of_code(const void* function) {
    PlaceName name = name_of_place(function);
    find_code(name);
    return name;
}

const void* find_code(const PlaceName& name) {
    const Module module = module_of(name);
    if (!has_entries(module) || !is_function_start(module, module.base + name.offset)) refuse(name);
    return reinterpret_cast<const void*>(module.base + name.offset);
}

void save_place(NativeWriter& writer, const PlaceName& name) {
    writer(name.module, name.build_id, name.offset);
}

PlaceName load_place(NativeReader& reader) {
    PlaceName name;
    reader(name.module, name.build_id, name.offset);
    return name;
}

namespace {

// The ABI marks a virtual function's pointer by the lowest bit that its code's address leaves free.
bool is_virtual(const MemberFunction& function) {
#if defined(__aarch64__)
    return function.adjustment & 1;
#else
    return function.code & 1;
#endif
}
std::ptrdiff_t distance(const MemberFunction& function) {
#if defined(__aarch64__)
    return function.adjustment >> 1;
#else
    return function.adjustment;
#endif
}

}  // namespace

void save_member_function(NativeWriter& writer, const MemberFunction& function) {
    if (is_virtual(function))
        throw SerializationError(
            "pointer to a virtual member function: it has no name in another process. "
            "Use a lambda without captures that calls the function.");
    save_place(writer, name_of_code(reinterpret_cast<const void*>(function.code)));
    writer(function.adjustment);
}

MemberFunction load_member_function(NativeReader& reader, std::size_t size) {
    MemberFunction function{};
    function.code = reinterpret_cast<std::uintptr_t>(find_code(load_place(reader)));
    reader(function.adjustment);
    if (is_virtual(function) || distance(function) < 0 ||
        static_cast<std::size_t>(distance(function)) >= size)
        throw StateError(
            "pointer to a member function: it points outside of its class; nothing is called. "
            "The message is damaged.");
    return function;
}

void throw_not_sendable(std::size_t position, const std::string& type) {
    if (position == 0)
        throw SerializationError(fmt::format(
            "Process: the target, {}, cannot be sent to another process. Use a function, a lambda "
            "without captures, procession::bind, or StartMethod::fork.",
            type));
    throw SerializationError(fmt::format(
        "Process: argument {}, {}, cannot be sent to another process. Send a value or a handle of the "
        "library, or use StartMethod::fork.",
        position, type));
}

}  // namespace procession::inline v0::detail
