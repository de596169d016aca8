// SPDX-License-Identifier: Apache-2.0

// What is done for a participant that died. Every step may be repeated, and the slot is freed last:
// a coroner that is killed leaves the coroner's lock to the next, who begins again.

#include <algorithm>
#include <atomic>
#include <chrono>

#include "heap/lock.hpp"
#include "heap/object.hpp"
#include "heap/waiting.hpp"

namespace procession::inline v0::heap {
namespace {

std::atomic<void (*)()> on_look{nullptr};

void wake(Heap& heap, Offset note) {
    const Offset at = note & ~Activity::is_word;
    if (at == 0 || at > arena_size - sizeof(WaitPoint)) return;
    auto* word = heap.at<std::atomic<std::uint32_t>>(at);
    if (note == at) {
        word = &heap.at<WaitPoint>(at)->sequence;
        word->fetch_add(1);
    }
    os::futex_wake(*word, INT_MAX);
}

}  // namespace

void bury(Heap& heap, ParticipantId dead) {
    if (dead == 0 || !heap.is_dead(dead)) return;
    Operation operation(heap);
    LockWord& lock = heap.header().coroner_lock;
    // Waiting would be no use: whoever has it is at work, and a stopped one must not stop us.
    if (!Guard::try_take(operation, lock, Recovery::none)) return;
    Slot& slot = heap.slot(dead);
    if (slot.id.load() == dead) {
        for (Activity& activity : slot.activities) {
            wake(heap, activity.waits_on.load());
            wake(heap, activity.owes.load());
        }
        PROCESSION_KILL_POINT("bury.woken");
        // Before its blocks are freed: a recovery may still have to say whose some of them are.
        for (Activity& activity : slot.activities) {
            const Offset held = activity.holds.load();
            const auto kind = activity.recovery.load();
            if (held == 0 || kind >= static_cast<std::uint32_t>(Recovery::count)) continue;
            Operation recovering(heap);
            const Guard guard(recovering, *heap.at<LockWord>(held), static_cast<Recovery>(kind));
        }
        PROCESSION_KILL_POINT("bury.recovered");
        mourn(heap, dead);
        PROCESSION_KILL_POINT("bury.mourned");
        drop_references_of(heap, dead);
        PROCESSION_KILL_POINT("bury.dropped");
        free_blocks_of(heap, dead);
        PROCESSION_KILL_POINT("bury.freed");
        slot.id.store(0, std::memory_order_release);
    }
    Guard::release(operation, lock);
}

void bury_the_dead(Heap& heap) {
    using Clock = std::chrono::steady_clock;
    constexpr std::chrono::milliseconds between_looks(100);
    static std::atomic<Clock::time_point> next_look{Clock::time_point::min()};
    const auto now = Clock::now();
    auto due = next_look.load(std::memory_order_relaxed);
    if (now < due || !next_look.compare_exchange_strong(due, now + between_looks)) return;
    const std::uint32_t end = std::min(heap.header().next_slot.load(), slot_count);
    for (std::uint32_t i = 1; i < end; ++i) {
        const ParticipantId id = heap.slot(i).id.load(std::memory_order_relaxed);
        if (id && heap.may_be_dead(id)) bury(heap, id);
    }
    if (const auto hook = on_look.load()) hook();
}

void set_on_look_for_dead(void (*hook)()) { on_look = hook; }

}  // namespace procession::inline v0::heap
