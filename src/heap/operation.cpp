// SPDX-License-Identifier: Apache-2.0
#include "heap/operation.hpp"

#include <sched.h>

#include <array>
#include <bit>
#include <chrono>

#include "heap/life.hpp"
#include "os/futex.hpp"
#include "os/kill_point.hpp"
#include "os/spin.hpp"

namespace procession::inline v0::heap {
namespace {

constexpr std::uint32_t waiters_bit = 0x80000000u;

std::array<std::atomic<Recover>, static_cast<std::size_t>(Recovery::count)> recoveries{};

bool takes_over(Operation& operation, LockWord& word, std::uint32_t seen, Recovery kind) {
    const ParticipantId owner = seen & ~waiters_bit;
    if (owner == operation.self() || !operation.heap().is_dead(owner)) return false;
    const std::uint32_t mine = operation.self() | waiters_bit;
    if (!word.value.compare_exchange_strong(seen, mine, std::memory_order_acquire)) return false;
    PROCESSION_KILL_POINT("lock.taken_over");
    if (const Recover recover = recovery(kind))
        recover(operation.heap(), operation.heap().offset_of(&word));
    PROCESSION_KILL_POINT("lock.recovered");
    return true;
}

void take(Operation& operation, LockWord& word, Recovery kind) {
    std::uint32_t mine = operation.self();
    OwnedWordSleep sleep;
    for (int i = 0;; ++i) {
        std::uint32_t seen = word.value.load(std::memory_order_relaxed);
        if ((seen & ~waiters_bit) == 0) {
            if (word.value.compare_exchange_weak(seen, mine | seen, std::memory_order_acquire)) return;
        } else if (i < os::spin_limit()) {
            os::pause();
        } else {
            // Once asleep we can't know who else sleeps, so the bit stays when we get the lock.
            mine = operation.self() | waiters_bit;
            if (!(seen & waiters_bit) && !word.value.compare_exchange_strong(seen, seen | waiters_bit))
                continue;
            PROCESSION_KILL_POINT("lock.before_sleep");
            // Short, since the one that was woken in our place may die.
            if (sleep(word.value, seen | waiters_bit, operation.heap().slot(seen & ~waiters_bit),
                      std::chrono::milliseconds(10)) &&
                takes_over(operation, word, seen | waiters_bit, kind))
                return;
        }
    }
}

}  // namespace

void set_recovery(Recovery kind, Recover recover) {
    recoveries[static_cast<std::size_t>(kind)] = recover;
}

Recover recovery(Recovery kind) { return recoveries[static_cast<std::size_t>(kind)]; }

Operation::Operation(Heap& heap) : heap_(heap), self_(heap.self()) { begin(); }

Operation::~Operation() { end(); }

void Operation::begin() {
    auto& busy = heap_.identity().busy;
    for (std::uint32_t seen = busy.load(std::memory_order_relaxed);;) {
        index_ = static_cast<std::uint32_t>(std::countr_one(seen));
        if (index_ == activity_count) {
            // All in use by other threads for the moment.
            ::sched_yield();
            seen = busy.load(std::memory_order_relaxed);
        } else if (busy.compare_exchange_weak(seen, seen | 1u << index_, std::memory_order_acquire)) {
            break;
        }
    }
    Slot& slot = heap_.slot(self_);
    activity_ = &slot.activities[index_];
    renew_life(slot);
}

void Operation::end() {
    wait_ends();
    settled();
    heap_.identity().busy.fetch_and(~(1u << index_), std::memory_order_release);
}

bool Operation::entries_are_scarce() const {
    constexpr int for_sleepers = 24;
    return std::popcount(heap_.identity().busy.load(std::memory_order_relaxed)) > for_sleepers;
}

Guard::Guard(Operation& operation, LockWord& word, Recovery kind) : operation_(operation), word_(word) {
    Activity& note = operation.activity();
    note.recovery.store(static_cast<std::uint32_t>(kind), std::memory_order_relaxed);
    // Noted before it is taken: the coroner may find a lock noted and not held, never the reverse.
    note.holds.store(operation.heap().offset_of(&word), std::memory_order_release);
    PROCESSION_KILL_POINT("lock.noted");
    std::uint32_t open = 0;
    if (!word.value.compare_exchange_strong(open, operation.self(), std::memory_order_acquire))
        take(operation, word, kind);
    PROCESSION_KILL_POINT("lock.taken");
}

Guard::~Guard() { release(operation_, word_); }

bool Guard::try_take(Operation& operation, LockWord& word, Recovery kind) {
    std::uint32_t seen = 0;
    return word.value.compare_exchange_strong(seen, operation.self(), std::memory_order_acquire) ||
           takes_over(operation, word, seen, kind);
}

void Guard::release(Operation& operation, LockWord& word) {
    PROCESSION_KILL_POINT("lock.before_release");
    if (word.value.exchange(0, std::memory_order_release) & waiters_bit) {
        PROCESSION_KILL_POINT("lock.before_wake");
        os::futex_wake(word.value, 1);
    }
    operation.activity().holds.store(0, std::memory_order_release);
}

}  // namespace procession::inline v0::heap
