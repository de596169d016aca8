// SPDX-License-Identifier: Apache-2.0

// The directory of handles with static storage.
//
// 1. Entries are appended under the directory's lock, and never removed. Storing an entry's object
//    commits it; the first entry without one is the end.
// 2. The directory holds the objects that it lists, under a holder of its own. Until the commit an
//    object is its maker's alone, and goes with it when that is killed.
// 3. Between the commit and the directory's hold, the maker's hold is what keeps the object. The
//    coroner recovers the lock before it drops what the dead one held; recovery sets the directory's.

#include "heap/directory.hpp"

#include <fmt/format.h>
#include <procession/detail/type_name.hpp>
#include <procession/error.hpp>

#include <span>

#include "heap/lock.hpp"
#include "heap/object.hpp"
#include "os/at_load.hpp"
#include "os/kill_point.hpp"
#include "os/module.hpp"

namespace procession::inline v0::heap {
namespace {

// No message begins there, so it is nobody else's.
constexpr std::uint32_t directory_holder = block_tag(directory_at);

std::span<DirectoryEntry> entries(const Heap& heap) {
    return {heap.at<DirectoryEntry>(directory_at), directory_count};
}

void recover_directory(Heap& heap, Offset) {
    for (const DirectoryEntry& entry : entries(heap)) {
        const Offset object = entry.object.load();
        if (object == 0) break;
        hold(heap, object, directory_holder);
    }
}

PROCESSION_AT_LOAD void register_recovery() { set_recovery(Recovery::directory, recover_directory); }

}  // namespace

std::optional<StaticName> static_name(const void* address) {
    const auto module = os::module_with_data_at(address);
    if (!module) return std::nullopt;
    if (module->build_id.empty())
        throw StateError(fmt::format(
            "handle with static storage: its module \"{}\" has no build-id, so other processes could "
            "not "
            "find it. Link with -Wl,--build-id, or make it in main and pass it as an argument.",
            module->path.empty() ? "(the program)" : module->path));
    return StaticName{detail::hash(module->build_id), module->offset_of(address)};
}

std::pair<Offset, bool> find_or_make_static(Heap& heap, const StaticName& name,
                                            const std::function<Offset()>& make) {
    Operation operation(heap);
    const Guard guard(operation, heap.header().directory_lock, Recovery::directory);
    for (DirectoryEntry& entry : entries(heap)) {
        if (const Offset object = entry.object.load()) {
            if (entry.module.load() == name.module && entry.variable.load() == name.offset)
                return {object, false};
            continue;
        }
        const Offset object = make();
        entry.module.store(name.module);
        entry.variable.store(name.offset);
        PROCESSION_KILL_POINT("directory.written");
        entry.object.store(object);
        PROCESSION_KILL_POINT("directory.committed");
        hold(heap, object, directory_holder);
        PROCESSION_KILL_POINT("directory.held");
        return {object, true};
    }
    throw HeapExhausted(fmt::format(
        "handle with static storage: the program has {} already, and no room for more. Make some in "
        "main, and pass them as arguments.",
        directory_count));
}

}  // namespace procession::inline v0::heap
