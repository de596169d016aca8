// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "heap/lock.hpp"
#include "heap/object.hpp"
#include "heap/waiting.hpp"
#include "queues/stream.hpp"

// What a pool keeps in the heap: the tasks that wait, a seat for each worker, and what comes back.
//
// 1. The pool's process appends tasks (task_list.hpp). A task is a record: a function, and items to call it
//    with. One call of apply() is a task of one item; map() makes few tasks of many.
// 2. A worker takes some of a task's items, under the lock, and notes in its seat which. An idle one takes
//    unstarted items from another's seat in the same way (claims.hpp). Each such step is one committing store
//    with a note of it beforehand, so that a death in between is undone or finished by whoever has the lock next.
// 3. While it runs them the seat says how far it is, and keeps the results until they are sent (work.cpp).
//    So when a worker dies, its seat tells which items are done, which one it died of, and which nobody
//    has begun: the pool's process then settles each of them (engine.cpp).

namespace procession::inline v0::pool {

/// A task: items [first, end) of what lies in a block, or behind the record when that is one item's.
struct TaskRecord {
    std::uint64_t ticket;      ///< what the pool's process knows it by
    heap::Offset function;     ///< the block that says what is to be called (functions.hpp)
    heap::Offset block;        ///< the items' bytes; 0: they follow; of a link: the next segment's first
    std::uint32_t first, end;  ///< of the block's items
    std::atomic<std::uint32_t> next;    ///< the first that nobody has taken
    std::uint32_t at_once;              ///< how many a worker takes; 0: as time tells
    std::uint32_t item_size;            ///< or one of the two below
    std::atomic<std::uint32_t> length;  ///< of the record; stored last: before that there is none

    static constexpr std::uint32_t indexed = 0;  ///< where each ends is said behind the items
    static constexpr std::uint32_t whole = ~0u;  ///< there is one, all that there is
    static constexpr std::uint64_t link = 0;     ///< the ticket of what leads to the next segment

    /// What follows the record.
    std::byte* bytes() { return reinterpret_cast<std::byte*>(this + 1); }
    bool is_timed() const { return at_once & timed; }
    /// Whether idle workers may take what another has not begun.
    bool is_shared_out() const { return (at_once & ~timed) == 0; }

    /// Beside `at_once`: each item's time is to be known.
    static constexpr std::uint32_t timed = 0x80000000u;
};
static_assert(sizeof(TaskRecord) == 48);

/// Tasks in their order: a chain of segments.
struct TaskList {
    std::atomic<heap::Offset> head;  ///< the record that is taken from; moved on under the pool's lock
};

/// How urgent a task is: what was given back first, then as asked for.
inline constexpr std::uint32_t level_count = 4;

/// What a worker has taken.
struct Claim {
    std::atomic<heap::Offset> record;
    std::atomic<std::uint32_t> number;  ///< counts the seat's claims; 0: none yet
    std::atomic<std::uint32_t>
        first;  ///< of its items; which are begun, and which are left: Seat::range
};

/// From one item to before another, in one word.
struct Range {
    std::uint32_t next, end;
    static Range of(std::uint64_t word) {
        return {static_cast<std::uint32_t>(word >> 32), static_cast<std::uint32_t>(word)};
    }
    std::uint64_t word() const { return std::uint64_t{next} << 32 | end; }
    std::uint32_t size() const { return end - next; }
};

/// What a worker is about to take, until its seat says that it has.
struct Intention {
    enum Kind : std::uint32_t { none, take, steal };
    std::atomic<std::uint32_t> kind;
    std::uint32_t number;  ///< of the claim that it becomes
    heap::Offset record;
    std::uint32_t first, end;
    std::uint32_t victim, victims_number;  ///< of a theft: the other seat, and its claim
};

/// One worker's place in the pool.
struct Seat {
    enum State : std::uint32_t { empty, starting, ready };
    static constexpr std::size_t slab_size = 1000;

    // Said by the worker once, and by the pool's process.
    std::atomic<std::uint32_t> state;
    std::atomic<heap::ParticipantId> worker;
    std::atomic<std::uint32_t> retires;     ///< it is to end after what it has begun
    std::atomic<std::uint32_t> is_reserve;  ///< it is to take nothing yet
    std::atomic<std::uint32_t> stop;        ///< the claim whose running item is to stop
    std::atomic<std::uint32_t> listens;     ///< to that: a task takes a stop token

    // What it has: changed under the lock, but for `range`, of which the worker takes from the front.
    alignas(heap::cache_line) Intention intention;
    Claim claim;
    std::atomic<std::uint64_t> range;  ///< those items that it has not begun

    // How far it is.
    alignas(heap::cache_line)
        std::atomic<std::uint64_t> progress;  ///< the first item that is not done, and the slab's bytes
    std::atomic<std::uint32_t> sent;          ///< the first item whose result is in the slab, or to come
    std::atomic<std::uint32_t> progress_of;   ///< the claim that these speak of
    std::atomic<heap::Offset> outgoing;       ///< the block of a result that is on its way
    std::atomic<std::uint32_t> outgoing_kind;  ///< of ResultHeader's
    std::atomic<std::int64_t>
        since;  ///< when the running item began, about; nanoseconds of the steady clock
    std::atomic<std::uint64_t> done;  ///< items, in all
    std::byte slab[slab_size];        ///< results of items [sent, progress)
};

/// What comes back: results of items, or why there are none.
struct ResultHeader {
    enum Kind : std::uint32_t { values, value_in_block, exception, cannot_start };
    std::uint64_t ticket;
    Kind kind;
    std::uint32_t seat;
    std::uint32_t claim;  ///< its number
    std::uint32_t first, count;
    std::uint32_t padding = 0;
    heap::Offset block = 0;  ///< of a long one; it is the pool's
};

struct PoolBody {
    static constexpr std::uint32_t seats_in_block = 16, seats_at_most = 4096;

    heap::LockWord lock;                            ///< guards what tasks and seats have left
    std::atomic<std::uint32_t> closed;              ///< no task comes any more
    std::atomic<std::uint32_t> is_short_of_memory;  ///< a worker has no room for its results
    std::atomic<std::uint32_t> seat_count;
    std::uint32_t turns;          ///< counts what was taken, so that what is less urgent comes as well
    heap::WaitPoint has_tasks;    ///< workers wait for tasks
    heap::WaitPoint has_calls;    ///< those in reserve wait until they are called
    heap::WaitPoint has_results;  ///< the pool's process waits for results
    TaskList tasks[level_count];
    alignas(heap::cache_line)
        std::atomic<std::uint64_t> done;  ///< items whose results were sent, since the pool was made
    std::atomic<std::uint64_t> wake_at;   ///< how many of them are worth waking who waits for results
    queues::Stream results;
    std::atomic<heap::Offset> seats[seats_at_most / seats_in_block];

    Seat& seat(const heap::Heap& heap, std::uint32_t index) const {
        return heap.at<Seat>(
            seats[index / seats_in_block].load(std::memory_order_acquire))[index % seats_in_block];
    }
};

/// For all workers to look again at what they are to do.
inline void tell_all_workers(PoolBody& body) {
    notify_all(body.has_tasks);
    notify_all(body.has_calls);
}

}  // namespace procession::inline v0::pool
