// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <elf.h>
#include <fmt/format.h>
#include <link.h>
#include <procession/detail/target.hpp>

#include <algorithm>
#include <atomic>
#include <cstring>

namespace procession::inline v0::detail {
namespace {

// Filled before main and by dlopen; entries of a module that is unloaded are a use after unloading
// like any other.
std::atomic<const FunctionEntry*> newest_entry{nullptr};

struct Module {
    std::string path;
    std::string build_id;
    std::uintptr_t base = 0;
    std::uintptr_t begin = 0, end = 0;
    const std::byte* unwind_table = nullptr;

    bool contains(const void* place) const {
        const auto address = reinterpret_cast<std::uintptr_t>(place);
        return address >= begin && address < end;
    }
};

std::string read_build_id(const char* note, std::size_t size) {
    const char* const end = note + size;
    while (note + sizeof(ElfW(Nhdr)) < end) {
        ElfW(Nhdr) header;
        std::memcpy(&header, note, sizeof header);
        const char* name = note + sizeof header;
        const char* content = name + ((header.n_namesz + 3) & ~3u);
        if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 && !std::memcmp(name, "GNU", 4))
            return {content, header.n_descsz};
        note = content + ((header.n_descsz + 3) & ~3u);
    }
    return {};
}

template <class Wanted>
Module find_module(Wanted wanted) {
    struct Search {
        Wanted& wanted;
        Module found;
        bool done = false;
    } search{wanted, {}};
    const auto look = [](dl_phdr_info* info, std::size_t, void* data) {
        auto& [wanted, found, done] = *static_cast<Search*>(data);
        Module module;
        module.path = info->dlpi_name;
        module.base = info->dlpi_addr;
        module.begin = UINTPTR_MAX;
        for (int i = 0; i < info->dlpi_phnum; ++i) {
            const auto& segment = info->dlpi_phdr[i];
            const std::uintptr_t at = info->dlpi_addr + segment.p_vaddr;
            if (segment.p_type == PT_LOAD) {
                module.begin = std::min(module.begin, at);
                module.end = std::max(module.end, at + segment.p_memsz);
            } else if (segment.p_type == PT_NOTE && module.build_id.empty()) {
                module.build_id = read_build_id(reinterpret_cast<const char*>(at), segment.p_memsz);
            } else if (segment.p_type == PT_GNU_EH_FRAME) {
                module.unwind_table = reinterpret_cast<const std::byte*>(at);
            }
        }
        if (!wanted(module)) return 0;
        found = std::move(module);
        done = true;
        return 1;
    };
    ::dl_iterate_phdr(look, &search);
    return search.done ? search.found : Module{};
}

bool has_entries(const Module& module) {
    for (auto entry = newest_entry.load(); entry; entry = entry->next())
        if (module.contains(entry)) return true;
    return false;
}

PlaceName name_of_place(const void* place) {
    const Module module = find_module([&](const Module& each) { return each.contains(place); });
    if (module.build_id.empty())
        throw SerializationError(fmt::format(
            "function at {}: its module \"{}\" has no build-id, so it has no name in another process. "
            "Link with -Wl,--build-id.", place, module.path));
    return {module.path, module.build_id, reinterpret_cast<std::uintptr_t>(place) - module.base};
}

Module module_of(const PlaceName& name) {
    const auto same = [&](const Module& each) {
        return !name.build_id.empty() && each.build_id == name.build_id;
    };
    Module module = find_module(same);
    if (module.end == 0 && !name.module.empty() && ::dlopen(name.module.c_str(), RTLD_NOW))
        module = find_module(same);
    if (module.end == 0)
        throw StateError(fmt::format(
            "module \"{}\": this process has no such build of it. Start processes from programs that "
            "run the same build.", name.module.empty() ? "(the program)" : name.module));
    return module;
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
    if (!module.unwind_table || module.unwind_table[3] != data_relative) return false;
    std::uint32_t count = 0;
    std::memcpy(&count, module.unwind_table + 8, sizeof count);
    struct Row {
        std::int32_t start, description;
    };
    const auto* rows = reinterpret_cast<const Row*>(module.unwind_table + 12);
    const auto wanted =
        static_cast<std::int64_t>(address - reinterpret_cast<std::uintptr_t>(module.unwind_table));
    const auto* found = std::lower_bound(rows, rows + count, wanted,
                                         [](const Row& row, std::int64_t at) { return row.start < at; });
    return found != rows + count && found->start == wanted;
}

}  // namespace

FunctionEntry::FunctionEntry(Invoke invoke) : invoke_(invoke), next_(newest_entry.load()) {
    while (!newest_entry.compare_exchange_weak(next_, this)) {
    }
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

void throw_not_sendable(std::size_t position, const std::string& type) {
    if (position == 0)
        throw SerializationError(fmt::format(
            "Process: the target, {}, cannot be sent to another process. Use a function, a lambda "
            "without captures, procession::bind, or StartMethod::fork.", type));
    throw SerializationError(fmt::format(
        "Process: argument {}, {}, cannot be sent to another process. Send a value or a handle of the "
        "library, or use StartMethod::fork.", position, type));
}

}  // namespace procession::inline v0::detail
