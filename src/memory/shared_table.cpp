// SPDX-License-Identifier: Apache-2.0

// A hash table of entries, each a block that never changes.
//
// 1. A slot is one word: where the entry is, and 32 bits of its key's hash, which also say where to
//    look for it. Storing a slot adds, replaces or removes the entry. Slots are probed one after another.
// 2. The slot of a removed entry stays used, so that the probing goes on. When three quarters are used,
//    new slots are put in, of which the entries that there are use less than half: so adding takes
//    the same time on average, however many are removed.
// 3. The counts are right outside of a step; after a death in one, they are counted anew.
// 4. Clearing makes the slots `dropped` with one store. Their entries are taken out some at a time, by
//    whoever clears, or, if that one is killed, by the next ones to change the table.

#include <algorithm>
#include <bit>
#include <cstring>

#include "memory/container.hpp"
#include "os/at_load.hpp"

namespace procession::inline v0::detail {
namespace {

struct TableBody {
    Container container;
    std::atomic<Offset> dropped;
};

using Slot = std::atomic<std::uint64_t>;

struct Slots {
    std::uint64_t count;                 ///< a power of two
    std::uint64_t live;                  ///< slots with an entry
    std::uint64_t used;                  ///< and those that had one
    std::atomic<std::uint64_t> drained;  ///< of dropped ones: below it there is no entry

    Slot& operator[](std::uint64_t index) { return reinterpret_cast<Slot*>(this + 1)[index]; }
    bool has_room() const { return 4 * (used + 1) <= 3 * count; }
};

constexpr std::uint64_t empty = 0, removed = 1;
constexpr std::uint64_t offset_mask = 0xffffffff;
static_assert(heap::arena_size / 16 <= offset_mask + 1,
              "a slot has 32 bits for a sixteenth of an offset");

Offset entry_of(std::uint64_t slot) { return slot == removed ? 0 : 16 * (slot & offset_mask); }
std::uint64_t slot_for(std::uint64_t hash, Offset entry) { return (hash & ~offset_mask) | entry / 16; }

TableBody& body_of(const Handle& handle) { return *static_cast<TableBody*>(handle.body()); }

/// What a table without a block has; never written.
constinit Slots no_slots{};

Slots& slots_of(const TableBody& body) {
    const Offset content = body.container.content.load(std::memory_order_acquire);
    return content ? *Heap::program().at<Slots>(content) : no_slots;
}

// FNV-1a leaves its high bits nearly alike for short keys: they are mixed once more (MurmurHash3's end).
std::uint64_t hash_of(std::span<const std::byte> key) {
    std::uint64_t value = hash({reinterpret_cast<const char*>(key.data()), key.size()});
    value = (value ^ value >> 33) * 0xff51afd7ed558ccd;
    value = (value ^ value >> 33) * 0xc4ceb9fe1a85ec53;
    return value ^ value >> 33;
}

/// What an entry holds, after what it refers to: the key's size, key, value.
struct EntryBytes {
    std::span<const std::byte> key, value;
};
EntryBytes bytes_of(const Heap& heap, Offset entry) {
    const std::span<const std::byte> bytes = message_bytes(heap, entry);
    std::uint64_t key_size = 0;
    std::memcpy(&key_size, bytes.data(), sizeof key_size);
    const auto after = bytes.subspan(sizeof key_size);
    return {after.first(key_size), after.subspan(key_size)};
}

Offset make_entry(Heap& heap, const Buffer& key, const Buffer& value) {
    std::vector<Offset> references(key.references().begin(), key.references().end());
    references.insert(references.end(), value.references().begin(), value.references().end());
    const std::uint64_t key_size = key.bytes().size();
    const Offset entry =
        make_message(heap, sizeof key_size + key_size + value.bytes().size(), references);
    std::byte* to = message_bytes(heap, entry).data();
    std::memcpy(to, &key_size, sizeof key_size);
    to = std::ranges::copy(key.bytes(), to + sizeof key_size).out;
    std::ranges::copy(value.bytes(), to);
    return entry;
}

bool has_references(const Heap& heap, Offset entry) {
    return heap.at<heap::BlockHeader>(entry - sizeof(heap::BlockHeader))->references.load() != 0;
}

/// Where a key is, or where it would go.
struct Place {
    Slot* slot;
    Offset entry;  ///< 0: the key is not there
};

Place find(const TableBody& body, std::uint64_t hash, const Buffer& key) {
    const Heap& heap = Heap::program();
    Slots& slots = slots_of(body);
    if (slots.count == 0) return {nullptr, 0};
    Slot* vacant = nullptr;
    for (std::uint64_t at = hash >> 32;; ++at) {
        Slot& slot = slots[at & (slots.count - 1)];
        const std::uint64_t word = slot.load(std::memory_order_relaxed);
        if (word == empty) return {vacant ? vacant : &slot, 0};
        if (word == removed) {
            if (!vacant) vacant = &slot;
        } else if ((word ^ hash) <= offset_mask &&
                   std::ranges::equal(bytes_of(heap, entry_of(word)).key, key.bytes())) {
            return {&slot, entry_of(word)};
        }
    }
}
Place find(const TableBody& body, const Buffer& key) { return find(body, hash_of(key.bytes()), key); }

Offset make_slots(Heap& heap, std::uint64_t count) {
    const Offset at = heap.allocate(sizeof(Slots) + count * sizeof(Slot));
    auto& slots = *heap.at<Slots>(at);
    slots.count = count;
    slots.live = slots.used = 0;
    slots.drained.store(0);
    for (std::uint64_t i = 0; i < count; ++i) slots[i].store(empty, std::memory_order_relaxed);
    return at;
}

/// Puts in new slots, with room for the entries that there are and as many again.
void rehash(const Section& section, TableBody& body) {
    Heap& heap = Heap::program();
    Slots& old = slots_of(body);
    const std::uint64_t count = std::bit_ceil(std::max<std::uint64_t>(16, 2 * (old.live + 1)));
    OwnBlock block(heap, make_slots(heap, count));
    Slots& slots = *heap.at<Slots>(block.at());
    for (std::uint64_t i = 0; i < old.count; ++i) {
        const std::uint64_t word = old[i].load(std::memory_order_relaxed);
        if (!entry_of(word)) continue;
        std::uint64_t at = word >> 32;
        while (slots[at & (count - 1)].load(std::memory_order_relaxed) != empty) ++at;
        slots[at & (count - 1)].store(word, std::memory_order_relaxed);
    }
    slots.live = slots.used = old.live;
    PROCESSION_KILL_POINT("table.rehashed");
    Step step(section);
    auto& content = body.container.content;
    step.exchange(block.at(), content.load(), [&] { content.store(block.at()); });
    block.release();
}

/// Takes some of the dropped entries out; false when there are none.
bool drain(Step& step, TableBody& body) {
    constexpr std::uint64_t at_once = Step::most_taken / 2;
    const Offset dropped = body.dropped.load(std::memory_order_relaxed);
    if (!dropped) return false;
    Slots& slots = *step.heap().at<Slots>(dropped);
    std::uint64_t at = slots.drained.load();
    const std::uint64_t end = std::min(slots.count, at + at_once);
    for (; at < end; ++at)
        if (const Offset entry = entry_of(slots[at].load(std::memory_order_relaxed)))
            step.take(entry, [&] { slots[at].store(empty); });
    slots.drained.store(end);
    if (end == slots.count) step.take(body.dropped);
    return true;
}

enum class Outcome { done, refused, no_room };

Outcome put_in_place(Step& step, TableBody& body, const Buffer& key, OwnBlock& entry, bool replace) {
    const std::uint64_t hash = hash_of(key.bytes());
    const Place place = find(body, hash, key);
    if (place.entry && !replace) return Outcome::refused;
    Slots& slots = slots_of(body);
    if (!place.entry && !slots.has_room()) return Outcome::no_room;
    const bool was_empty = place.slot->load(std::memory_order_relaxed) == empty;
    step.exchange(entry.at(), place.entry, [&] { place.slot->store(slot_for(hash, entry.at())); });
    entry.release();
    slots.live += place.entry == 0;
    slots.used += was_empty;
    PROCESSION_KILL_POINT("table.counted");
    return Outcome::done;
}

bool put_within(const Section& section, TableBody& body, const Buffer& key, OwnBlock& entry,
                bool replace) {
    for (;;) {
        {
            Step step(section);
            const Outcome outcome = put_in_place(step, body, key, entry, replace);
            if (outcome != Outcome::no_room) return outcome == Outcome::done;
        }
        rehash(section, body);
    }
}

void take_out(Step& step, TableBody& body, const Place& place) {
    Slots& slots = slots_of(body);
    const auto index = static_cast<std::uint64_t>(place.slot - &slots[0]);
    // Where no probing goes on anyway, it need not be led on.
    const bool ends = slots[(index + 1) & (slots.count - 1)].load(std::memory_order_relaxed) == empty;
    step.exchange(0, place.entry, [&] { place.slot->store(ends ? empty : removed); });
    slots.live -= 1;
    slots.used -= ends;
}

void recover_table(Heap& heap, Offset lock) {
    Container& container = container_at(heap, lock);
    auto& body = *heap.at<TableBody>(heap.offset_of(&container));
    const Offset coming = container.coming.load(), going = container.going.load();
    const Offset content = container.content.load();
    bool coming_is_reached = coming == content, going_is_reached = going == content;
    if (content) {
        Slots& slots = *heap.at<Slots>(content);
        slots.live = slots.used = 0;
        for (std::uint64_t i = 0; i < slots.count; ++i) {
            const std::uint64_t word = slots[i].load();
            const Offset entry = entry_of(word);
            slots.live += entry != 0;
            slots.used += word != empty;
            coming_is_reached = coming_is_reached || entry == coming;
            going_is_reached = going_is_reached || entry == going;
        }
    }
    settle(heap, container, coming_is_reached, going_is_reached);
    const Offset dropped = body.dropped.load();
    const std::uint32_t tag = heap::block_tag(object_of(heap, &container));
    if (dropped && (dropped == content || heap.owner(dropped).load() != tag)) {
        body.dropped.store(0);
    } else if (dropped) {
        Slots& slots = *heap.at<Slots>(dropped);
        for (std::uint64_t i = 0; i < slots.count; ++i) {
            const Offset entry = entry_of(slots[i].load());
            if (entry && heap.owner(entry).load() != tag) slots[i].store(empty);
        }
    }
}

PROCESSION_AT_LOAD void register_recovery() { heap::set_recovery(heap::Recovery::table, recover_table); }

}  // namespace

SharedTable::SharedTable(const SharedType& type)
    : Handle(
          type.name,
          [&] {
              return make_container(heap::ObjectType::table, sizeof(TableBody), heap::Recovery::table,
                                    type);
          },
          [&](Offset object) { check_container(object, heap::ObjectType::table, type); }) {}

SharedTable::SharedTable(Handle handle, const SharedType& type) : Handle(std::move(handle)) {
    check_container(offset(), heap::ObjectType::table, type);
}

std::size_t SharedTable::size() const {
    TableBody& body = body_of(*this);
    const Step step(body.container);
    return slots_of(body).live;
}

bool SharedTable::contains(const Buffer& key) const {
    TableBody& body = body_of(*this);
    const Step step(body.container);
    return find(body, key).entry != 0;
}

bool SharedTable::put(const Buffer& key, const Buffer& value, bool replace) const {
    TableBody& body = body_of(*this);
    OwnBlock entry(Heap::program(), make_entry(Heap::program(), key, value));
    {
        Step step(body.container);
        drain(step, body);
        const Outcome outcome = put_in_place(step, body, key, entry, replace);
        if (outcome != Outcome::no_room) return outcome == Outcome::done;
    }
    return put_within(Section(body.container), body, key, entry, replace);
}

bool SharedTable::get(const Buffer& key,
                      const std::function<void(std::span<const std::byte>)>& read) const {
    TableBody& body = body_of(*this);
    std::array<std::byte, 512> copy;
    std::optional<std::size_t> copied;
    {
        const Step step(body.container);
        const Offset entry = find(body, key).entry;
        if (!entry) return false;
        const auto value = bytes_of(step.heap(), entry).value;
        if (value.size() <= copy.size() && !has_references(step.heap(), entry)) {
            std::ranges::copy(value, copy.begin());
            copied = value.size();
        }
    }
    if (copied) {
        read({copy.data(), *copied});
        return true;
    }
    // What is long need not be copied, and what it refers to is still held, while nobody can replace it.
    const TableSection section(*this);
    const auto value = section.find(key);
    if (value) read(*value);
    return value.has_value();
}

void SharedTable::clear() const {
    TableBody& body = body_of(*this);
    const auto drop = [&] {
        Step step(body.container);
        if (drain(step, body)) return false;
        body.dropped.store(body.container.content.load());
        PROCESSION_KILL_POINT("clear.named");
        body.container.content.store(0);
        PROCESSION_KILL_POINT("clear.committed");
        return true;
    };
    const auto drain_some = [&] {
        Step step(body.container);
        return drain(step, body);
    };
    while (!drop()) {
    }
    while (drain_some()) {
    }
}

TakenEntry::TakenEntry(const SharedTable& table, const Buffer& key) {
    TableBody& body = body_of(table);
    Step step(body.container);
    drain(step, body);
    const Place place = find(body, key);
    if (!place.entry) return;
    take_out(step, body, place);
    block_ = step.keep();
}

TakenEntry::~TakenEntry() { const OwnBlock block(Heap::program(), block_); }

std::span<const std::byte> TakenEntry::value() const { return bytes_of(Heap::program(), block_).value; }

TableSection::TableSection(const SharedTable& table)
    : Section(body_of(table).container), table_(table) {}

std::size_t TableSection::size() const { return slots_of(body_of(table_)).live; }

std::optional<std::span<const std::byte>> TableSection::find(const Buffer& key) const {
    const Offset entry = detail::find(body_of(table_), key).entry;
    if (!entry) return std::nullopt;
    return bytes_of(Heap::program(), entry).value;
}

void TableSection::put(const Buffer& key, const Buffer& value) {
    OwnBlock entry(Heap::program(), make_entry(Heap::program(), key, value));
    put_within(*this, body_of(table_), key, entry, true);
}

void TableSection::visit(
    const std::function<void(std::span<const std::byte>, std::span<const std::byte>)>& see) const {
    Slots& slots = slots_of(body_of(table_));
    for (std::uint64_t i = 0; i < slots.count; ++i)
        if (const Offset entry = entry_of(slots[i].load(std::memory_order_relaxed))) {
            const auto [key, value] = bytes_of(Heap::program(), entry);
            see(key, value);
        }
}

}  // namespace procession::inline v0::detail
