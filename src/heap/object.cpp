// SPDX-License-Identifier: Apache-2.0
#include "heap/object.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include <algorithm>
#include <array>
#include <cstring>

#include "os/kill_point.hpp"

namespace procession::inline v0::heap {
namespace {

using Entry = std::atomic<std::uint32_t>;

constexpr std::uint32_t more_count = 254;

// No message begins there, so it is nobody else's.
constexpr std::uint32_t coroner_holder = block_tag(objects_at);

template <class Hook>
using HookOfEachType = std::array<std::atomic<Hook>, static_cast<std::size_t>(ObjectType::count)>;
HookOfEachType<Mourn> mourners{};
HookOfEachType<OnGiven> on_given{};
HookOfEachType<OnDestroy> on_destroy{};

struct MoreHolders {
    Entry holders[more_count];
    std::atomic<Offset> next;
};

std::atomic<Offset>* table(const Heap& heap) { return heap.at<std::atomic<Offset>>(objects_at); }

ObjectHeader& header_of(const Heap& heap, Offset object) { return *heap.at<ObjectHeader>(object); }

/// Visits all holder entries until one says true.
template <class Visit>
bool any_holder(const Heap& heap, ObjectHeader& object, Visit visit) {
    for (Entry& entry : object.holders)
        if (visit(entry)) return true;
    for (Offset at = object.more_holders.load(); at;) {
        auto& more = *heap.at<MoreHolders>(at);
        for (Entry& entry : more.holders)
            if (visit(entry)) return true;
        at = more.next.load();
    }
    return false;
}

void add_entries(Heap& heap, Offset at) {
    const Offset block = heap.allocate(sizeof(MoreHolders), Use::control);
    auto* more = heap.at<MoreHolders>(block);
    std::memset(static_cast<void*>(more), 0, sizeof *more);
    std::atomic<Offset>* link = &header_of(heap, at).more_holders;
    more->next.store(link->load());
    // From here it goes with the object, so a death before the next line only makes it wait for that.
    give(heap, block, at);
    Offset seen = more->next.load();
    while (!link->compare_exchange_weak(seen, block)) more->next.store(seen);
}

}  // namespace

void give(Heap& heap, Offset block, Offset object) {
    header_of(heap, object).owns_blocks.store(1);
    heap.owner(block).store(block_tag(object));
}

bool take_back(Heap& heap, Offset block, Offset object) {
    std::uint32_t owner = block_tag(object);
    return heap.owner(block).compare_exchange_strong(owner, heap.self());
}

namespace {

// Each step may be repeated: by the coroner, when the first one to do it was killed.
void destroy(Heap& heap, Offset at) {
    ObjectHeader& object = header_of(heap, at);
    PROCESSION_KILL_POINT("destroy.begun");
    if (const OnDestroy hook = on_destroy[static_cast<std::size_t>(object.type)].load()) hook(heap, at);
    if (object.owns_blocks.load()) free_blocks_of(heap, block_tag(at));
    PROCESSION_KILL_POINT("destroy.emptied");
    heap.owner(at).store(heap.self());
    PROCESSION_KILL_POINT("destroy.owned");
    table(heap)[object.entry].store(0);
    PROCESSION_KILL_POINT("destroy.unlisted");
    heap.free(at);
}

void destroy_if_unheld(Heap& heap, Offset at) {
    ObjectHeader& object = header_of(heap, at);
    // Whoever comes to hold it sets its entry, then counts the version up, and only then may the
    // holder that it knew of go. So entries that were all seen empty, with the same version before
    // and after, were empty together.
    for (std::uint64_t version = object.version.load(); !(version & 1);) {
        if (any_holder(heap, object, [](Entry& entry) { return entry.load() != 0; })) return;
        const std::uint64_t dying = std::uint64_t{heap.self()} << 32 | 1;
        if (object.version.compare_exchange_strong(version, dying)) return destroy(heap, at);
    }
}

}  // namespace

Offset make_object(Heap& heap, ObjectType type, std::size_t size) {
    const Offset at = heap.allocate_object(3 * cache_line - sizeof(BlockHeader) + size);
    ObjectHeader& object = header_of(heap, at);
    const std::uint64_t serial = heap.header().next_serial.fetch_add(1) + 1;
    object.serial = serial;
    object.type = type;
    object.more_holders.store(0);
    object.owns_blocks.store(0);
    any_holder(heap, object, [](Entry& entry) { return entry.store(0), false; });
    std::memset(&body<std::byte>(heap, at), 0, size);
    object.holders[0].store(heap.self());
    // It was odd since the last object here was destroyed, so that nobody who still looks at that one
    // takes this one for unheld. No version ever comes again.
    object.version.store(serial << 24);
    PROCESSION_KILL_POINT("object.prepared");
    for (std::uint32_t i = 0; i < object_count; ++i) {
        Offset none = 0;
        if (table(heap)[i].load(std::memory_order_relaxed) != 0) continue;
        object.entry = i;
        if (!table(heap)[i].compare_exchange_strong(none, at)) continue;
        auto& end = heap.header().object_end;
        for (std::uint32_t seen = end.load(); seen <= i && !end.compare_exchange_weak(seen, i + 1);) {
        }
        PROCESSION_KILL_POINT("object.listed");
        heap.owner(at).store(block_tag(at));
        PROCESSION_KILL_POINT("object.made");
        return at;
    }
    heap.free(at);
    throw HeapExhausted(fmt::format("shared heap: more than {} objects. Drop some.", object_count));
}

void hold(Heap& heap, Offset at, std::uint32_t holder) {
    ObjectHeader& object = header_of(heap, at);
    if (any_holder(heap, object, [&](Entry& entry) { return entry.load() == holder; })) return;
    for (;;) {
        const bool set = any_holder(heap, object, [&](Entry& entry) {
            std::uint32_t none = 0;
            return entry.compare_exchange_strong(none, holder);
        });
        if (set) break;
        add_entries(heap, at);
    }
    object.version.fetch_add(2);
}

void drop(Heap& heap, Offset at, std::uint32_t holder) {
    ObjectHeader& object = header_of(heap, at);
    const bool held = any_holder(heap, object, [&](Entry& entry) {
        std::uint32_t expected = holder;
        return entry.compare_exchange_strong(expected, 0);
    });
    PROCESSION_KILL_POINT("drop.cleared");
    if (held) destroy_if_unheld(heap, at);
}

ObjectType type_of(const Heap& heap, Offset at) { return header_of(heap, at).type; }

bool is_alive(const Heap& heap, Offset at, std::uint64_t serial) {
    const ObjectHeader& object = header_of(heap, at);
    return object.serial == serial && !(object.version.load() & 1) &&
           heap.owner(at).load() == block_tag(at);
}

bool hold_if_alive(Heap& heap, Offset at, std::uint64_t serial, ParticipantId holder) {
    hold(heap, at, holder);
    // From here it does not go; but it may have gone before, and be another one.
    if (is_alive(heap, at, serial)) return true;
    drop(heap, at, holder);
    return false;
}

ParticipantId living_holder(Heap& heap, Offset at) {
    // Not the further entries: their memory goes with the object.
    for (Entry& entry : header_of(heap, at).holders) {
        const std::uint32_t holder = entry.load();
        if (holder == 0 || is_block_tag(holder) || holder == heap.self()) continue;
        if (!heap.may_be_dead(holder) || !heap.is_dead(holder)) return holder;
        bury(heap, holder);
    }
    bury_the_dead(heap);
    return 0;
}

void set_on_destroy(ObjectType type, OnDestroy hook) {
    on_destroy[static_cast<std::size_t>(type)] = hook;
}

void set_mourner(ObjectType type, Mourn mourner) { mourners[static_cast<std::size_t>(type)] = mourner; }

void mourn(Heap& heap, ParticipantId dead) {
    const std::uint32_t end = heap.header().object_end.load();
    for (std::uint32_t i = 0; i < end; ++i) {
        const Offset at = table(heap)[i].load();
        if (at == 0 || heap.owner(at).load() != block_tag(at)) continue;
        ObjectHeader& object = header_of(heap, at);
        const std::uint64_t serial = object.serial;
        const auto type = static_cast<std::size_t>(object.type);
        if (type >= mourners.size() || !mourners[type] || !is_alive(heap, at, serial)) continue;
        // It must not go under the mourner's hands. What the dead one held doesn't: that is dropped later.
        const bool is_held =
            any_holder(heap, object, [&](Entry& entry) { return entry.load() == dead; });
        if (!is_held) hold(heap, at, coroner_holder);
        if (is_alive(heap, at, serial)) mourners[type].load()(heap, at, dead);
        PROCESSION_KILL_POINT("mourn.mourned");
        drop(heap, at, coroner_holder);
    }
}

void set_on_given(ObjectType type, OnGiven hook) { on_given[static_cast<std::size_t>(type)] = hook; }

namespace {
OnGiven on_given_of(const Heap& heap, Offset object) {
    return on_given[static_cast<std::size_t>(type_of(heap, object))].load();
}
}  // namespace

void note_given(Heap& heap, std::span<const Offset> objects, bool begun) {
    for (const Offset object : objects)
        if (const OnGiven hook = on_given_of(heap, object)) hook(heap, object, begun);
}

bool takes_note_of_given(const Heap& heap, std::span<const Offset> objects) {
    return std::ranges::any_of(objects,
                               [&](Offset object) { return on_given_of(heap, object) != nullptr; });
}

void drop_references_of(Heap& heap, ParticipantId dead) {
    const std::uint32_t end = heap.header().object_end.load();
    for (std::uint32_t i = 0; i < end; ++i) {
        Offset at = table(heap)[i].load();
        if (at == 0) continue;
        const std::uint32_t owner = heap.owner(at).load();
        if (owner == dead) {
            // Half made or nearly destroyed: its memory goes with the dead one's blocks.
            table(heap)[i].compare_exchange_strong(at, 0);
        } else if (owner == block_tag(at)) {
            const std::uint64_t version = header_of(heap, at).version.load();
            // Not compared as a whole: who held it at the last moment has counted on.
            if (version >> 32 == dead && version & 1) {
                destroy(heap, at);
            } else {
                drop(heap, at, dead);
                // It may have been killed between clearing its entry and looking at the others.
                destroy_if_unheld(heap, at);
            }
        }
    }
}

namespace {

BlockHeader& header_of_block(const Heap& heap, Offset block) {
    return *heap.at<BlockHeader>(block - sizeof(BlockHeader));
}

constexpr std::size_t whole_words(std::size_t size) {
    return (size + sizeof(Offset) - 1) & ~(sizeof(Offset) - 1);
}

}  // namespace

Offset make_message(Heap& heap, std::size_t size, std::span<const Offset> objects, Use use) {
    const Offset at = heap.allocate(whole_words(size) + objects.size_bytes(), use);
    return seal_message(heap, at, size, objects);
}

Offset seal_message(Heap& heap, Offset block, std::size_t size, std::span<const Offset> objects) {
    BlockHeader& info = header_of_block(heap, block);
    const std::size_t whole = whole_words(size) + objects.size_bytes();
    if (info.size < whole) {
        const Offset larger = make_message(heap, size, objects);
        std::memcpy(heap.at<std::byte>(larger), heap.at<std::byte>(block), size);
        heap.free(block);
        return larger;
    }
    info.unused = static_cast<std::uint32_t>(whole_words(size) - size);
    info.size = whole;
    if (objects.empty()) return block;
    std::memcpy(heap.at<std::byte>(block) + whole_words(size), objects.data(), objects.size_bytes());
    info.references.store(static_cast<std::uint32_t>(objects.size()), std::memory_order_release);
    for (const Offset object : objects) {
        hold(heap, object, block_tag(block));
        PROCESSION_KILL_POINT("message.held");
    }
    return block;
}

// The last words of its data.
std::span<const Offset> message_references(const Heap& heap, Offset message) {
    const BlockHeader& info = header_of_block(heap, message);
    const std::size_t count = info.references.load(std::memory_order_acquire);
    return {heap.at<Offset>(message + info.size - count * sizeof(Offset)), count};
}

std::span<std::byte> message_bytes(const Heap& heap, Offset message) {
    const BlockHeader& info = header_of_block(heap, message);
    return {heap.at<std::byte>(message),
            info.size - info.unused - message_references(heap, message).size_bytes()};
}

void release_references(Heap& heap, Offset block) {
    for (const Offset object : message_references(heap, block)) {
        if (heap.valid(object, sizeof(ObjectHeader))) drop(heap, object, block_tag(block));
        PROCESSION_KILL_POINT("message.dropped");
    }
    header_of_block(heap, block).references.store(0, std::memory_order_release);
}

}  // namespace procession::inline v0::heap
