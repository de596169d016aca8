// SPDX-License-Identifier: Apache-2.0
#include "heap/heap.hpp"

#include <fmt/format.h>
#include <sys/auxv.h>
#include <unistd.h>
#include <procession/error.hpp>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "os/error.hpp"

namespace procession::inline v0::heap {
namespace {

std::uint64_t cgroup_limit() {
    std::uint64_t limit = ~std::uint64_t{0};
    for (const char* path :
         {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
        std::ifstream file(path);
        std::uint64_t value = 0;
        if (file >> value) limit = std::min(limit, value);
    }
    return limit;
}

std::uint64_t parse_limit(const char* text) {
    std::uint64_t value = 0;
    const char* end = text + std::strlen(text);
    const auto [rest, error] = std::from_chars(text, end, value);
    int shift = 0;
    if (rest != end) {
        constexpr const char* suffixes = "KMG";
        const char* found = std::strchr(suffixes, *rest);
        shift = found && rest + 1 == end ? static_cast<int>(found - suffixes + 1) * 10 : -1;
    }
    if (error != std::errc() || shift < 0 || value == 0 || value > arena_size >> shift)
        throw ValueError(
            fmt::format("PROCESSION_HEAP_LIMIT=\"{}\": not a size up to {} bytes. Write "
                        "bytes, or a number with K, M or G.",
                        text, arena_size));
    return value << shift;
}

int inherited_descriptor() {
    const char* mark = child_mark();
    const char* field = mark ? std::strstr(mark, "heap=") : nullptr;
    return field ? std::atoi(field + 5) : -1;
}

os::Descriptor program_file() {
    const int fd = inherited_descriptor();
    if (fd < 0) return Heap::create(Heap::default_limit());
    os::check_sealed_memfd(fd);
    // Out of the way of the program's own; before we join, since closing one would end our life.
    return os::Descriptor(fd).duplicate(os::out_of_the_way);
}

}  // namespace

const char* child_mark() {
    // A set-user-id program does not listen to its caller's environment.
    return ::getauxval(AT_SECURE) ? nullptr : std::getenv("PROCESSION_CHILD");
}

Heap& Heap::program() {
    // Never destroyed: handles with static storage may be used until the very end.
    static Heap* const heap = [] {
        auto* const made = new Heap(program_file());
        program_identity = &made->identity();
        return made;
    }();
    return *heap;
}

std::uint64_t Heap::default_limit() {
    if (const char* text = std::getenv("PROCESSION_HEAP_LIMIT")) return parse_limit(text);
    const auto memory = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
                        static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    return std::min({memory, cgroup_limit(), arena_size}) / 2;
}

os::Descriptor Heap::create(std::uint64_t limit) {
    os::Descriptor file =
        os::make_sealed_memfd("procession-heap", arena_size).duplicate(os::out_of_the_way);
    Heap heap(file.duplicate());
    FileHeader& header = heap.header();
    header.version = layout_version;
    header.size = arena_size;
    header.limit_units = std::max<std::uint64_t>(limit / unit_size, 16);
    header.end_unit.store(first_data_unit);
    header.first_free.store(first_data_unit);
    header.magic = magic;
    return file;
}

Heap::Heap(os::Descriptor file)
    : file_(std::move(file)),
      mapping_(file_.get(), arena_size),
      identity_(static_cast<Identity*>(os::make_wipe_on_fork_page())) {
    if (header().magic != 0 && (header().magic != magic || header().version != layout_version))
        throw StateError(
            "shared heap: made by another version of the library. Rebuild the program and "
            "its modules with one version.");
}

}  // namespace procession::inline v0::heap
