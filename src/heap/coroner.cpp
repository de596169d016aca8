// SPDX-License-Identifier: Apache-2.0

// What is done for a participant that died. Every step may be repeated, and the slot is freed last:
// a coroner that is killed leaves the coroner's lock to the next, who begins again.

#include "heap/lock.hpp"
#include "heap/object.hpp"
#include "heap/waiting.hpp"

namespace procession::inline v0::heap {
namespace {

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

}  // namespace procession::inline v0::heap
