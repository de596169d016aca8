// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <unistd.h>

#include "heap/heap.hpp"
#include "heap/life.hpp"
#include "os/error.hpp"
#include "os/kill_point.hpp"
#include "os/record_lock.hpp"

namespace procession::inline v0::heap {
namespace {

constexpr std::uint32_t slot_mask = slot_count - 1;

std::uint64_t life_of(ParticipantId id) { return arena_size + (id & slot_mask); }

std::atomic<void (*)(Heap&)> on_join{nullptr};

ParticipantId make_id(std::uint32_t slot, std::uint32_t generation) {
    return slot | (generation & generation_mask) << slot_bits;
}

}  // namespace

void set_on_join(void (*hook)(Heap&)) { on_join = hook; }

Slot& Heap::slot(ParticipantId id) const { return at<Slot>(slots_at)[id & slot_mask]; }

ParticipantId Heap::self() {
    const ParticipantId id = identity_->id.load(std::memory_order_acquire);
    return id ? id : join();
}

// A slot is taken by whoever holds its life, the record lock. The kernel drops that at death, so a
// process that is killed anywhere in here leaves a free slot, or one whose owner is seen to be dead.
ParticipantId Heap::join() {
    while (identity_->joining.exchange(1, std::memory_order_acquire)) ::sched_yield();
    struct Unlock {
        std::atomic<std::uint32_t>& word;
        ~Unlock() { word.store(0, std::memory_order_release); }
    } unlock{identity_->joining};
    if (const ParticipantId id = identity_->id.load(std::memory_order_acquire)) return id;

    ParticipantId unburied = 0;
    for (std::uint32_t tries = 0; tries < slot_count; ++tries) {
        // Round robin, so that the slot reused is the one that has been free the longest.
        const std::uint32_t number = header().next_slot.fetch_add(1) & slot_mask;
        if (number == 0 || !os::try_lock_byte(descriptor(), arena_size + number)) continue;
        PROCESSION_KILL_POINT("join.life_taken");
        Slot& slot = at<Slot>(slots_at)[number];
        if (const ParticipantId dead = slot.id.load()) {
            // A dead one that nobody has buried yet. While we hold its life it would look alive.
            os::unlock_byte(descriptor(), arena_size + number);
            unburied = dead;
            continue;
        }
        const std::uint32_t generation = slot.generation.load() + 1;
        slot.generation.store(generation);
        slot.pid.store(::getpid());
        begin_life(slot);
        for (Activity& activity : slot.activities) {
            activity.waits_on.store(0);
            activity.owes.store(0);
            activity.holds.store(0);
        }
        PROCESSION_KILL_POINT("join.prepared");
        const ParticipantId id = make_id(number, generation);
        slot.id.store(id, std::memory_order_release);
        PROCESSION_KILL_POINT("join.joined");
        identity_->id.store(id, std::memory_order_release);
        if (const auto hook = on_join.load()) hook(*this);
        if (unburied) bury(*this, unburied);
        return id;
    }
    os::throw_errno("shared heap", "join", "All 8191 participants are alive; end some processes.",
                    EAGAIN);
}

// A thread's robust mutexes are a list that leads from one to the next: none may go while it is held.
Heap::~Heap() {
    const ParticipantId id = identity_->id.load();
    if (id && !end_life(slot(id))) mapping_.keep();
}

bool Heap::is_dead(ParticipantId id) const {
    if (id == identity_->id.load(std::memory_order_relaxed)) return false;
    const auto& current = slot(id).id;
    if (current.load(std::memory_order_acquire) != id) return true;
    return !os::byte_is_held_by_another(descriptor(), life_of(id)) &&
           current.load(std::memory_order_acquire) == id;
}

}  // namespace procession::inline v0::heap
