// SPDX-License-Identifier: Apache-2.0
#include "os/module.hpp"

#include <dlfcn.h>
#include <elf.h>

#include <cstring>

namespace procession::inline v0::os {
namespace {

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

Module describe(const dl_phdr_info& info) {
    Module module{info.dlpi_name, {}, info.dlpi_addr, info.dlpi_phdr, info.dlpi_phnum};
    for (int i = 0; i < module.header_count && module.build_id.empty(); ++i)
        if (const auto& header = module.headers[i]; header.p_type == PT_NOTE)
            module.build_id = read_build_id(reinterpret_cast<const char*>(module.base + header.p_vaddr),
                                            header.p_memsz);
    return module;
}

}  // namespace

bool Module::contains(const void* place, ElfW(Word) flags) const {
    const std::uint64_t offset = offset_of(place);
    for (int i = 0; i < header_count; ++i) {
        const auto& header = headers[i];
        if (header.p_type == PT_LOAD && (header.p_flags & flags) == flags && offset >= header.p_vaddr &&
            offset - header.p_vaddr < header.p_memsz)
            return true;
    }
    return false;
}

const std::byte* Module::unwind_table() const {
    for (int i = 0; i < header_count; ++i)
        if (headers[i].p_type == PT_GNU_EH_FRAME)
            return reinterpret_cast<const std::byte*>(base + headers[i].p_vaddr);
    return nullptr;
}

std::optional<Module> find_module(const std::function<bool(const Module&)>& wanted) {
    struct Search {
        const std::function<bool(const Module&)>& wanted;
        std::optional<Module> found;
    } search{wanted, {}};
    const auto look = [](dl_phdr_info* info, std::size_t, void* data) {
        auto& [wanted, found] = *static_cast<Search*>(data);
        Module module = describe(*info);
        if (!wanted(module)) return 0;
        found = std::move(module);
        return 1;
    };
    ::dl_iterate_phdr(look, &search);
    return std::move(search.found);
}

unsigned long long unloaded_modules() {
    unsigned long long count = 0;
    const auto look = [](dl_phdr_info* info, std::size_t, void* data) {
        *static_cast<unsigned long long*>(data) = info->dlpi_subs;
        return 1;
    };
    ::dl_iterate_phdr(look, &count);
    return count;
}

std::optional<Module> module_with_data_at(const void* place) {
    // A fork by another thread may catch the loader's lock, but this look needs none.
    dl_find_object seen;
    if (::_dl_find_object(const_cast<void*>(place), &seen) != 0) return std::nullopt;
    return find_module([&](const Module& each) { return each.contains(place, PF_W); });
}

}  // namespace procession::inline v0::os
