// SPDX-License-Identifier: Apache-2.0
#include "heap/lock.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <climits>
#include <optional>

#include "heap/life.hpp"
#include "os/futex.hpp"
#include "os/kill_point.hpp"
#include "os/spin.hpp"

namespace procession::inline v0::heap {
namespace {

// Of one that waits for a lock in an object.
constexpr std::chrono::microseconds longest_patience(10'000);

std::array<std::atomic<Recover>, static_cast<std::size_t>(Recovery::count)> recoveries{};

bool takes_over(Heap& heap, LockWord& word, Recover recover) {
    std::uint32_t seen = word.value.load(std::memory_order_relaxed);
    if (owner_in(seen) == 0 || !heap.is_dead(owner_in(seen))) return false;
    const std::uint32_t mine = heap.self() | waiters_bit;
    if (!word.value.compare_exchange_strong(seen, mine, std::memory_order_acquire)) return false;
    PROCESSION_KILL_POINT("lock.taken_over");
    if (recover) recover(heap, heap.offset_of(&word));
    PROCESSION_KILL_POINT("lock.recovered");
    return true;
}

// One that goes to sleep on a lock. Where it does not wait for something else already, it says so: the
// coroner of one that was woken in its place then wakes it.
struct Sleeper {
    Sleeper(Operation& by, LockWord& word, const std::stop_token& stop)
        : operation(by),
          notes(by.activity().waits_on.load(std::memory_order_relaxed) == 0),
          sleep(stop) {
        if (notes) operation.waits_on(word);
    }
    ~Sleeper() {
        if (notes) operation.wait_ends();
    }
    Operation& operation;
    const bool notes;
    OwnedWordSleep sleep;
};

}  // namespace

Take take(Operation& operation, LockWord& word, const os::Deadline& deadline,
          const std::stop_token& stop) {
    Heap& heap = operation.heap();
    std::uint32_t mine = operation.self();
    std::optional<Sleeper> sleeper;
    os::GrowingPause pause;
    for (;;) {
        std::uint32_t seen = word.value.load(std::memory_order_relaxed);
        const ParticipantId owner = owner_in(seen);
        if (owner == 0) {
            if (word.value.compare_exchange_weak(seen, mine | seen, std::memory_order_acquire))
                return Take::taken;
            continue;
        }
        if (pause()) continue;
        if (heap.may_be_dead(owner) && heap.is_dead(owner)) return Take::owner_is_dead;
        if (deadline.expired()) return Take::timed_out;
        if (stop.stop_requested()) return Take::stopped;
        if (!sleeper) sleeper.emplace(operation, word, stop);
        // Once asleep we can't know who else sleeps, so the bit stays when we get the lock.
        mine = operation.self() | waiters_bit;
        if (!(seen & waiters_bit) && !word.value.compare_exchange_strong(seen, seen | waiters_bit))
            continue;
        PROCESSION_KILL_POINT("lock.before_sleep");
        bool look = false;
        operation.sleep(
            [&] { look = sleeper->sleep(word.value, seen | waiters_bit, heap.slot(owner), deadline); });
        if (look && heap.is_dead(owner)) return Take::owner_is_dead;
    }
}

void wake_next(LockWord& word) { os::futex_wake(word.value, 1); }

void set_recovery(Recovery kind, Recover recover) {
    recoveries[static_cast<std::size_t>(kind)] = recover;
}

Recover recovery(Recovery kind) { return recoveries[static_cast<std::size_t>(kind)]; }

Guard::Guard(Operation& operation, LockWord& word, Recovery kind) : operation_(operation), word_(word) {
    Activity& note = operation.activity();
    note.recovery.store(static_cast<std::uint32_t>(kind), std::memory_order_relaxed);
    // Noted before it is taken: the coroner may find a lock noted and not held, never the reverse.
    note.holds.store(operation.heap().offset_of(&word), std::memory_order_release);
    PROCESSION_KILL_POINT("lock.noted");
    std::uint32_t open = 0;
    if (!word.value.compare_exchange_strong(open, operation.self(), std::memory_order_acquire))
        while (take(operation, word, os::Deadline::never()) == Take::owner_is_dead)
            if (takes_over(operation.heap(), word, recovery(kind))) break;
    PROCESSION_KILL_POINT("lock.taken");
}

Guard::~Guard() { release(operation_, word_); }

bool Guard::try_take(Operation& operation, LockWord& word, Recovery kind) {
    std::uint32_t open = 0;
    return word.value.compare_exchange_strong(open, operation.self(), std::memory_order_acquire) ||
           takes_over(operation.heap(), word, recovery(kind));
}

void Guard::release(Operation& operation, LockWord& word) {
    PROCESSION_KILL_POINT("lock.before_release");
    if (give_up(word) & waiters_bit) {
        PROCESSION_KILL_POINT("lock.before_wake");
        wake_next(word);
    }
    operation.activity().holds.store(0, std::memory_order_release);
}

void ObjectGuard::wait(Heap& heap, Recover recover) {
    Operation operation(heap);
    for (std::chrono::microseconds patience(200);; patience = std::min(2 * patience, longest_patience)) {
        switch (take(operation, word_, os::Deadline::after(patience))) {
            case Take::taken: return;
            case Take::owner_is_dead:
                if (takes_over(heap, word_, recover)) return;
                break;
            case Take::timed_out:
            case Take::stopped: break;
        }
    }
}

void ObjectGuard::release_and_wake() {
    give_up(word_);
    wake_next(word_);
}

void ObjectGuard::recover_if_of(Heap& heap, LockWord& word, Recover recover, ParticipantId dead) {
    if (owner_in(word.value.load()) != dead || !takes_over(heap, word, recover)) return;
    word.value.store(0);
    os::futex_wake(word.value, INT_MAX);
}

}  // namespace procession::inline v0::heap
