// SPDX-License-Identifier: Apache-2.0
#include "queues/in_flight.hpp"

#include <procession/error.hpp>

#include <bit>
#include <cstring>

#include "log/log.hpp"
#include "os/kill_point.hpp"
#include "os/thread_number.hpp"

namespace procession::inline v0::queues {
namespace {

using heap::Heap;
using heap::Offset;
using heap::ParticipantId;
using Entry = InFlight::Entry;

ParticipantId taker_in(std::uint64_t state) { return static_cast<ParticipantId>(state); }
std::uint64_t deaths_in(std::uint64_t state) { return state / Entry::one_death; }

bool is_unfinished(std::uint64_t state) { return state != 0 && !(state & Entry::done); }

// The entry is this process's, and done.
void free_block(Heap& heap, Offset object, Entry& entry) {
    const Offset block = entry.block.load();
    std::uint32_t owner = heap::block_tag(object);
    const bool ours = heap.owner(block).compare_exchange_strong(owner, heap.self());
    PROCESSION_KILL_POINT("flight.block_owned");
    entry.state.store(0);
    if (ours) heap.free(block);
}

// The one that this thread finished last: the next one is probably beside it.
struct Finished {
    std::uint64_t serial = 0;  ///< of the queue: at its address another may lie later
    std::uint32_t index = 0;
    std::uint64_t order = 0;
};
thread_local Finished last_finished;

}  // namespace

void GivenUp::log() const noexcept {
    for (const Fate& fate : fates_)
        detail::log_failure([&] {
            detail::log_error(
                "JoinableQueue: an item is lost: {} process(es) that had taken it ended before "
                "task_done(), "
                "the last of them pid {}",
                fate.deaths, fate.last_pid);
        });
}

Entry& InFlight::at(const Heap& heap, std::uint32_t index) const {
    const auto chunk = static_cast<std::uint32_t>(std::bit_width(index / first_chunk + 1)) - 1;
    return heap.at<Entry>(chunks_[chunk].load(std::memory_order_acquire))[index - entries_in(chunk)];
}

// ---------------------------------------------------------------- taking

void InFlight::grow(Heap& heap, Offset object) {
    const std::uint32_t chunk = chunk_count_.load();
    if (chunk == chunks_at_most)
        throw HeapExhausted(
            "JoinableQueue::get: too many items were taken and are not done. Call "
            "task_done() for each item.");
    const std::size_t size = (first_chunk << chunk) * sizeof(Entry);
    const Offset block = heap.allocate(size, heap::Use::control);
    std::memset(heap.at<std::byte>(block), 0, size);
    // A death before it counts leaves it to the next that wants one, or to the object's end.
    give(heap, block, object);
    PROCESSION_KILL_POINT("flight.chunk_given");
    chunks_[chunk].store(block);
    chunk_count_.store(chunk + 1);
    next_claim_.store(entries_in(chunk));
}

Entry& InFlight::claim(Heap& heap, Offset object) {
    if (2 * unfinished_.load() >= capacity()) grow(heap, object);
    for (std::uint32_t tries = capacity(), index = next_claim_.load(); tries > 0; --tries) {
        if (index >= capacity()) index = 0;
        Entry& entry = at(heap, index++);
        if (entry.state.load() != 0) continue;
        next_claim_.store(index);
        return entry;
    }
    // All that are done are still being read.
    grow(heap, object);
    return at(heap, next_claim_.fetch_add(1));
}

Entry& InFlight::enter(Heap& heap, Offset object, Offset block) {
    Entry& entry = claim(heap, object);
    entry.block.store(block);
    entry.thread.store(os::thread_number());
    entry.order.store(next_order_.fetch_add(1));
    entry.state.store(Entry::being_read | heap.self());
    PROCESSION_KILL_POINT("flight.entered");
    unfinished_.fetch_add(1);
    return entry;
}

void InFlight::settle_returned(Heap& heap, Offset object, GivenUp& given_up) {
    // Down before they are looked at: whoever returns one meanwhile puts it up again.
    some_returned_.store(0);
    bool more = false;
    for_each(heap, [&](Entry& entry, std::uint32_t index) {
        const std::uint64_t state = entry.state.load();
        if (!(state & Entry::returned)) return;
        if (deaths_in(state) < limit_) {
            more = true;
            return;
        }
        given_up.add(entry.last_pid.load(), entry.deaths());
        give_up(heap, object, index);
    });
    if (more) some_returned_.store(1);
}

Entry* InFlight::next_returned(Heap& heap, Offset object, GivenUp& given_up) {
    settle_returned(heap, object, given_up);
    if (!shows_returned()) return nullptr;
    Entry* oldest = nullptr;
    for_each(heap, [&](Entry& entry, std::uint32_t) {
        if (entry.state.load() & Entry::returned &&
            (!oldest || entry.order.load() < oldest->order.load()))
            oldest = &entry;
    });
    return oldest;
}

void InFlight::take_returned(Heap& heap, Entry& entry) {
    entry.thread.store(os::thread_number());
    entry.order.store(next_order_.fetch_add(1));
    entry.state.store(deaths_in(entry.state.load()) * Entry::one_death | Entry::being_read |
                      heap.self());
    PROCESSION_KILL_POINT("flight.taken_again");
}

void InFlight::give_up(Heap& heap, Offset object, std::uint32_t index) {
    Entry& entry = at(heap, index);
    giving_up_.store((lost_.load() + 1ull) << 32 | (index + 1));
    PROCESSION_KILL_POINT("flight.loss_noted");
    entry.state.store(Entry::done | heap.self());
    PROCESSION_KILL_POINT("flight.lost");
    lost_.fetch_add(1);
    unfinished_.fetch_sub(1);
    giving_up_.store(0);
    free_block(heap, object, entry);
}

// ---------------------------------------------------------------- done

Entry* InFlight::oldest_unfinished(Heap& heap, Offset object) const {
    const ParticipantId self = heap.self();
    const std::uint64_t serial = heap.at<heap::ObjectHeader>(object)->serial;
    const std::uint32_t thread = os::thread_number();
    const auto is_mine = [&](const Entry& entry, std::uint64_t state) {
        return taker_in(state) == self && entry.thread.load() == thread;
    };
    // Numbers only grow: the one after that which was this thread's oldest is its oldest.
    if (last_finished.serial == serial && last_finished.index + 1 < capacity()) {
        Entry& next = at(heap, last_finished.index + 1);
        const std::uint64_t state = next.state.load();
        if (is_unfinished(state) && is_mine(next, state) &&
            next.order.load() == last_finished.order + 1) {
            last_finished = {serial, last_finished.index + 1, last_finished.order + 1};
            return &next;
        }
    }
    struct {
        Entry* entry = nullptr;
        std::uint32_t index = 0;
    } mine, ours, anybodys;
    for_each(heap, [&](Entry& entry, std::uint32_t index) {
        const std::uint64_t state = entry.state.load();
        if (!is_unfinished(state) || state & Entry::returned) return;
        const auto choose_from = [&](auto& oldest) {
            if (!oldest.entry || entry.order.load() < oldest.entry->order.load())
                oldest = {&entry, index};
        };
        if (is_mine(entry, state)) choose_from(mine);
        if (taker_in(state) == self) choose_from(ours);
        choose_from(anybodys);
    });
    if (mine.entry) last_finished = {serial, mine.index, mine.entry->order.load()};
    return mine.entry ? mine.entry : ours.entry ? ours.entry : anybodys.entry;
}

bool InFlight::finish(Heap& heap, Offset object, Entry& entry) {
    for (std::uint64_t state = entry.state.load(); !(state & Entry::returned);) {
        const bool read = !(state & Entry::being_read);
        const std::uint64_t finished = read ? Entry::done | heap.self() : state | Entry::done;
        if (!entry.state.compare_exchange_weak(state, finished)) continue;
        PROCESSION_KILL_POINT("flight.done");
        unfinished_.fetch_sub(1);
        PROCESSION_KILL_POINT("flight.counted");
        if (read) free_block(heap, object, entry);
        return true;
    }
    return false;
}

void InFlight::end_reading(Heap& heap, Offset object, Entry& entry) {
    const std::uint64_t state = entry.state.fetch_and(~Entry::being_read);
    PROCESSION_KILL_POINT("flight.read");
    if (state & Entry::done) free_block(heap, object, entry);
}

// ---------------------------------------------------------------- what a death leaves

void InFlight::recover(Heap& heap, Offset next) {
    std::uint64_t unfinished = 0;
    for_each(heap, [&](Entry& entry, std::uint32_t) {
        const std::uint64_t state = entry.state.load();
        if (!is_unfinished(state)) return;
        if (entry.block.load() == next)
            entry.state.store(0);
        else
            ++unfinished;
    });
    unfinished_.store(unfinished);
    if (const std::uint64_t note = giving_up_.load()) {
        const Entry& entry = at(heap, static_cast<std::uint32_t>(note) - 1);
        if (!(entry.state.load() & Entry::returned)) lost_.store(static_cast<std::uint32_t>(note >> 32));
        giving_up_.store(0);
    }
}

void InFlight::mourn(Heap& heap, Offset object, ParticipantId dead) {
    for_each(heap, [&](Entry& entry, std::uint32_t) {
        for (std::uint64_t state = entry.state.load(); taker_in(state) == dead;) {
            const bool done = state & Entry::done;
            if (const auto person = heap.describe(dead); person && !done)
                entry.last_pid.store(person->pid);
            const std::uint64_t settled =
                done ? Entry::done | heap.self()
                     : deaths_in(state + Entry::one_death) * Entry::one_death | Entry::returned;
            if (!entry.state.compare_exchange_weak(state, settled)) continue;
            PROCESSION_KILL_POINT("flight.returned");
            if (done) free_block(heap, object, entry);
            break;
        }
        // Also when it was returned before: whoever did so may have been killed before it said so.
        if (entry.state.load() & Entry::returned) some_returned_.store(1);
    });
}

std::uint64_t InFlight::count_returned(const Heap& heap) const {
    if (!shows_returned()) return 0;
    std::uint64_t count = 0;
    for_each(heap, [&](const Entry& entry, std::uint32_t) {
        const std::uint64_t state = entry.state.load();
        count += state & Entry::returned && deaths_in(state) < limit_;
    });
    return count;
}

}  // namespace procession::inline v0::queues
