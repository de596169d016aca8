// SPDX-License-Identifier: Apache-2.0

// Memory by owner words.
//
// 1. The arena is cut into units of 64 KiB, with one word each in the unit table: free, the owner of a
//    run of units, "slab", or "continuation, so many units after the run's head".
// 2. A run is taken under the arena lock: its continuations are written last to first, then the head,
//    which is the commit. A continuation whose head is free belongs to nobody; whoever recovers the
//    lock clears such. A run is given back in the reverse order.
// 3. A slab is a run cut into blocks of one size, with one owner word each. Changing it from 0 to a
//    participant with compare-and-swap is the allocation, storing 0 gives the block back: both are
//    one instruction and name their author, so a death in between leaves nothing half done, and the
//    coroner finds what the dead one had by looking for its name.
// 4. Messages, objects and control have slabs of their own: a block that control gave back, or has not
//    used yet, must not end in a queue, or the reserve would drain into messages.
// 5. Hints (where to look first) may be wrong; before a slab is added, all words are looked at.

#include <fcntl.h>
#include <fmt/format.h>
#include <procession/error.hpp>

#include <algorithm>
#include <bit>
#include <vector>

#include "heap/lock.hpp"
#include "heap/object.hpp"
#include "os/at_load.hpp"
#include "os/error.hpp"
#include "os/kill_point.hpp"

namespace procession::inline v0::heap {
namespace {

using Word = std::atomic<std::uint32_t>;

constexpr std::uint32_t slab_word = 0xE0000000u;
constexpr std::uint32_t continuation = 0xC0000000u;
constexpr std::uint32_t distance_mask = (1u << 20) - 1;
constexpr std::uint32_t kind_mask = 0xE0000000u;

constexpr std::size_t largest_class = 256 * 1024;
constexpr std::size_t largest_object = 8 * 1024;
constexpr std::uint32_t warm_reserve = 64 * 1024 * 1024 / unit_size;

struct Slab {
    std::uint32_t block_size;
    std::uint32_t count;
    std::uint32_t first;  ///< where the first block lies, from the slab's start
    Word hint;            ///< below it probably nothing is free
    Offset next;
    std::uint64_t reserved[5];

    Word* owners() { return reinterpret_cast<Word*>(this + 1); }
};
static_assert(sizeof(Slab) == 64);

bool is_continuation(std::uint32_t word) { return (word & kind_mask) == continuation; }

Word* units(const Heap& heap) { return heap.at<Word>(units_at); }

// Four classes for each doubling: 64, 128, 192, 256, 320, 384, 448, 512, 640, ...
std::uint32_t class_of(std::size_t bytes) {
    const std::size_t lines = (bytes + cache_line - 1) / cache_line;
    if (lines <= 4) return static_cast<std::uint32_t>(std::max<std::size_t>(lines, 1) - 1);
    const auto doubling = static_cast<std::uint32_t>(std::bit_width(lines - 1) - 1);
    return 4 * (doubling - 1) + static_cast<std::uint32_t>((lines - 1) >> (doubling - 2) & 3);
}

std::size_t size_of_class(std::uint32_t index) {
    if (index < 4) return (index + 1) * cache_line;
    return (std::size_t{index % 4 + 5} << (index / 4 - 1)) * cache_line;
}

std::uint32_t head_of(const Heap& heap, std::uint32_t unit) {
    const std::uint32_t word = units(heap)[unit].load(std::memory_order_acquire);
    return is_continuation(word) ? unit - (word & distance_mask) : unit;
}

std::uint32_t run_length(const Heap& heap, std::uint32_t head) {
    std::uint32_t length = 1;
    while (head + length < unit_count && units(heap)[head + length].load() == (continuation | length))
        ++length;
    return length;
}

[[noreturn]] void exhausted(const Heap& heap, std::uint64_t wanted) {
    const FileHeader& header = heap.header();
    throw HeapExhausted(fmt::format(
        "shared heap: no room for {} bytes: {} of {} bytes are in use. Take messages out of queues, "
        "or set PROCESSION_HEAP_LIMIT (bytes, or with K, M, G) to more.",
        wanted, header.used_units.load() * unit_size, header.limit_units * unit_size));
}

// How many units may still be taken for this use.
std::uint64_t units_left(const Heap& heap, Use use) {
    const FileHeader& header = heap.header();
    const std::uint64_t reserve = use == Use::message ? header.limit_units / 16 : 0;
    const std::uint64_t limit = header.limit_units - reserve, used = header.used_units.load();
    return limit - std::min(limit, used);
}

// With the arena lock held: units for `count`, not yet anybody's.
std::uint32_t find_run(Heap& heap, std::uint32_t count, Use use) {
    FileHeader& header = heap.header();
    if (count > units_left(heap, use)) exhausted(heap, count * unit_size);
    std::uint32_t start = header.first_free.load(), length = 0;
    for (std::uint32_t unit = start; unit < unit_count; ++unit) {
        if (units(heap)[unit].load(std::memory_order_relaxed) != 0) {
            length = 0;
            start = unit + 1;
        } else if (++length == count) {
            return start;
        }
    }
    exhausted(heap, count * unit_size);
}

// With the arena lock held: makes a run somebody's.
void commit_run(Heap& heap, std::uint32_t head, std::uint32_t count, std::uint32_t word) {
    FileHeader& header = heap.header();
    header.end_unit.store(std::max(header.end_unit.load(), head + count));
    for (std::uint32_t i = count - 1; i > 0; --i) {
        units(heap)[head + i].store(continuation | i, std::memory_order_relaxed);
        PROCESSION_KILL_POINT("run.continued");
    }
    header.used_units.fetch_add(count);
    header.warm_units.store(header.warm_units.load() - std::min(header.warm_units.load(), count));
    if (header.first_free.load() == head) header.first_free.store(head + count);
    PROCESSION_KILL_POINT("run.before_commit");
    units(heap)[head].store(word, std::memory_order_release);
    PROCESSION_KILL_POINT("run.committed");
}

// Gives pages back to the system: they read as zero afterwards.
void punch(Heap& heap, std::uint32_t head, std::uint32_t count) {
    os::checked(::fallocate(heap.descriptor(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                            static_cast<off_t>(head * unit_size), static_cast<off_t>(count * unit_size)),
                "shared heap", "fallocate(FALLOC_FL_PUNCH_HOLE)");
}

// With the arena lock held.
void free_run(Heap& heap, std::uint32_t head) {
    FileHeader& header = heap.header();
    const std::uint32_t count = run_length(heap, head);
    // The pages go back while the run is still ours: afterwards somebody may be writing there.
    if (header.warm_units.load() + count > warm_reserve)
        punch(heap, head, count);
    else
        header.warm_units.fetch_add(count);
    PROCESSION_KILL_POINT("run.before_free");
    units(heap)[head].store(0, std::memory_order_release);
    PROCESSION_KILL_POINT("run.head_freed");
    for (std::uint32_t i = 1; i < count; ++i) units(heap)[head + i].store(0, std::memory_order_relaxed);
    header.used_units.fetch_sub(count);
    header.first_free.store(std::min(header.first_free.load(), head));
    PROCESSION_KILL_POINT("run.freed");
}

// What a death under the arena lock can have left: continuations without a head, a slab that is in no
// list, and counts that are off.
void recover_arena(Heap& heap, Offset) {
    FileHeader& header = heap.header();
    std::vector<Offset> slabs;
    for (const auto& newest : header.slabs)
        for (Offset at = newest.load(); at; at = heap.at<Slab>(at)->next) slabs.push_back(at);
    std::sort(slabs.begin(), slabs.end());
    std::uint32_t used = 0;
    for (std::uint32_t unit = first_data_unit; unit < header.end_unit.load(); ++unit) {
        const std::uint32_t word = units(heap)[unit].load();
        if (word == 0) continue;
        const std::uint32_t head =
            is_continuation(word) ? units(heap)[unit - (word & distance_mask)].load() : word;
        const bool orphan = head == 0 || is_continuation(head);
        const bool lost =
            word == slab_word && !std::binary_search(slabs.begin(), slabs.end(), unit * unit_size);
        if (orphan || lost)
            units(heap)[unit].store(0);
        else
            ++used;
    }
    header.used_units.store(used);
    header.first_free.store(first_data_unit);
}

PROCESSION_AT_LOAD void register_recovery() { set_recovery(Recovery::arena, recover_arena); }

Offset take_block(Heap& heap, Offset slab_at, std::uint32_t from, ParticipantId me) {
    Slab& slab = *heap.at<Slab>(slab_at);
    for (std::uint32_t i = from; i < slab.count; ++i) {
        std::uint32_t none = 0;
        if (slab.owners()[i].load(std::memory_order_relaxed) != 0 ||
            !slab.owners()[i].compare_exchange_strong(none, me, std::memory_order_acquire))
            continue;
        PROCESSION_KILL_POINT("alloc.claimed");
        std::uint32_t hint = from;
        slab.hint.compare_exchange_strong(hint, i + 1, std::memory_order_relaxed);
        return slab_at + slab.first + std::uint64_t{i} * slab.block_size;
    }
    std::uint32_t hint = from;
    slab.hint.compare_exchange_strong(hint, slab.count, std::memory_order_relaxed);
    return 0;
}

Offset take_block_of(Heap& heap, std::atomic<Offset>& newest, bool thoroughly, ParticipantId me) {
    for (Offset at = newest.load(std::memory_order_acquire); at; at = heap.at<Slab>(at)->next) {
        Slab& slab = *heap.at<Slab>(at);
        const std::uint32_t from = thoroughly ? 0 : slab.hint.load(std::memory_order_relaxed);
        if (from >= slab.count) continue;
        if (const Offset block = take_block(heap, at, from, me)) return block;
    }
    return 0;
}

// Adds a slab, about as large as all that the class has. Two threads may both come here; the second
// then has a slab more than it needed.
void add_slab(Operation& operation, std::atomic<Offset>& newest, std::size_t block_size, Use use) {
    Heap& heap = operation.heap();
    Guard guard(operation, heap.header().arena_lock, Recovery::arena);
    const Offset last = newest.load();
    std::size_t count = last ? 2 * heap.at<Slab>(last)->count : 1;
    const std::size_t most = std::max<std::size_t>(4 * 1024 * 1024 / (block_size + 4), 8);
    const std::size_t least = std::max<std::size_t>((unit_size - 128) / (block_size + 4), 2);
    count = std::clamp(count, least, most);
    // Near the limit a slab takes what there is: the last units must not go to waste, nor the reserve
    // of control be out of reach because its classes have grown large.
    const std::uint64_t left = units_left(heap, use) * unit_size;
    const std::size_t fits = left > 2 * sizeof(Slab) ? (left - 2 * sizeof(Slab)) / (block_size + 4) : 0;
    count = std::max(std::min<std::size_t>(count, fits), least);
    const auto first = (sizeof(Slab) + count * sizeof(Word) + cache_line - 1) & ~(cache_line - 1);
    const auto units_needed =
        static_cast<std::uint32_t>((first + count * block_size + unit_size - 1) / unit_size);
    const std::uint32_t head = find_run(heap, units_needed, use);
    const Offset at = head * unit_size;
    // A block that was never used must say that it refers to nothing: its pages are zero.
    punch(heap, head, units_needed);
    auto* slab = heap.at<Slab>(at);
    slab->block_size = static_cast<std::uint32_t>(block_size);
    slab->count = static_cast<std::uint32_t>(count);
    slab->first = static_cast<std::uint32_t>(first);
    slab->hint.store(0);
    slab->next = last;
    commit_run(heap, head, units_needed, slab_word);
    newest.store(at, std::memory_order_release);
    PROCESSION_KILL_POINT("slab.added");
}

template <class Visit>
void for_each_owner(Heap& heap, Visit visit) {
    const std::uint32_t end = heap.header().end_unit.load();
    for (std::uint32_t unit = first_data_unit; unit < end; ++unit) {
        Word& word = units(heap)[unit];
        const std::uint32_t value = word.load(std::memory_order_acquire);
        if (value == slab_word) {
            Slab& slab = *heap.at<Slab>(unit * unit_size);
            for (std::uint32_t i = 0; i < slab.count; ++i)
                visit(slab.owners()[i],
                      unit * unit_size + slab.first + std::uint64_t{i} * slab.block_size);
        } else if (value != 0 && !is_continuation(value)) {
            visit(word, unit * unit_size);
        }
    }
}

}  // namespace

std::atomic<std::uint32_t>& Heap::owner(Offset offset) const {
    const std::uint32_t head = head_of(*this, static_cast<std::uint32_t>(offset / unit_size));
    Word& word = units(*this)[head];
    if (word.load(std::memory_order_acquire) != slab_word) return word;
    Slab& slab = *at<Slab>(head * unit_size);
    return slab.owners()[(offset - head * unit_size - slab.first) / slab.block_size];
}

Offset Heap::allocate_class(std::size_t bytes, std::uint32_t first_class, Use use) {
    const std::uint32_t index = class_of(bytes);
    auto& newest = header().slabs[first_class + index];
    const ParticipantId me = self();
    Offset block = take_block_of(*this, newest, false, me);
    if (!block) block = take_block_of(*this, newest, true, me);
    while (!block) {
        Operation operation(*this);
        add_slab(operation, newest, size_of_class(index), use);
        block = take_block_of(*this, newest, false, me);
    }
    return block;
}

Offset Heap::allocate(std::size_t size, Use use) {
    if (size > arena_size) exhausted(*this, size);
    Offset block = 0;
    const std::size_t bytes = size + sizeof(BlockHeader);
    if (bytes <= largest_class) {
        const bool control = use == Use::control;
        block = allocate_class(bytes, control ? class_count + object_class_count : 0, use);
    } else {
        const auto count = static_cast<std::uint32_t>((bytes + unit_size - 1) / unit_size);
        Operation operation(*this);
        Guard guard(operation, header().arena_lock, Recovery::arena);
        const std::uint32_t head = find_run(*this, count, use);
        block = head * unit_size;
        at<BlockHeader>(block)->references.store(0, std::memory_order_relaxed);
        commit_run(*this, head, count, operation.self());
    }
    at<BlockHeader>(block)->unused = 0;
    at<BlockHeader>(block)->size = size;
    return block + sizeof(BlockHeader);
}

Offset Heap::allocate_object(std::size_t size) {
    if (size > largest_object - sizeof(BlockHeader))
        throw ValueError(fmt::format("shared object: {} bytes are too many", size));
    const Offset block = allocate_class(size + sizeof(BlockHeader), class_count, Use::control);
    at<BlockHeader>(block)->size = size;
    return block + sizeof(BlockHeader);
}

void Heap::free(Offset offset) {
    release_references(*this, offset);
    PROCESSION_KILL_POINT("free.released");
    const auto unit = static_cast<std::uint32_t>(offset / unit_size);
    const std::uint32_t head = head_of(*this, unit);
    if (units(*this)[head].load(std::memory_order_acquire) != slab_word) {
        Operation operation(*this);
        Guard guard(operation, header().arena_lock, Recovery::arena);
        free_run(*this, head);
        return;
    }
    Slab& slab = *at<Slab>(head * unit_size);
    const auto index =
        static_cast<std::uint32_t>((offset - head * unit_size - slab.first) / slab.block_size);
    slab.owners()[index].store(0, std::memory_order_release);
    PROCESSION_KILL_POINT("free.freed");
    std::uint32_t hint = slab.hint.load(std::memory_order_relaxed);
    while (index < hint && !slab.hint.compare_exchange_weak(hint, index, std::memory_order_relaxed)) {
    }
}

HeapUse Heap::usage() const {
    HeapUse use{header().used_units.load() * unit_size, header().limit_units * unit_size, 0};
    for_each_owner(const_cast<Heap&>(*this),
                   [&](Word& word, Offset) { use.blocks += word.load() != 0; });
    return use;
}

void free_blocks_of(Heap& heap, std::uint32_t owner) {
    for_each_owner(heap, [&](Word& word, Offset block) {
        // An object's own block carries its own tag: the one that destroys it frees that last.
        if (word.load(std::memory_order_acquire) == owner && block_tag(block) != owner)
            heap.free(block + sizeof(BlockHeader));
    });
}

}  // namespace procession::inline v0::heap
