// SPDX-License-Identifier: Apache-2.0
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>

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

// Of processes that the library did not start, too.
void note_end_at_exit() {
    static std::atomic<bool> registered{false};
    if (registered.exchange(true)) return;
    ::on_exit([](int code, void*) { Heap::program().note_own_end(code); }, nullptr);
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

    const auto slot_at = [this](std::uint32_t turn) -> Slot& {
        return at<Slot>(slots_at)[turn & slot_mask];
    };
    for (std::uint32_t tries = 0; tries < slot_count; ++tries) {
        // Round robin, so that the slot reused is the one that has been free the longest.
        const std::uint32_t turn = header().next_slot.fetch_add(1);
        const std::uint32_t number = turn & slot_mask;
        if (number == 0 || !os::try_lock_byte(descriptor(), arena_size + number)) continue;
        PROCESSION_KILL_POINT("join.life_taken");
        Slot& slot = slot_at(turn);
        if (slot.id.load() != 0) {
            // A dead one that nobody has buried yet. While we hold its life it would look alive.
            os::unlock_byte(descriptor(), arena_size + number);
            continue;
        }
        const std::uint32_t generation = slot.generation.load() + 1;
        slot.generation.store(generation);
        slot.pid.store(::getpid());
        slot.ended.store(0);
        slot.name[0].store('\0');
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
        // Where nobody else buries, there is room when it comes to these again.
        const auto bury_at = [&](std::uint32_t passed) {
            const ParticipantId its = slot_at(passed).id.load();
            if (its && may_be_dead(its)) bury(*this, its);
        };
        for (std::uint32_t passed = turn - tries; passed != turn + 1; ++passed) {
            bury_at(passed);
            if (passed >= slot_count / 2) bury_at(passed - slot_count / 2);
        }
        note_end_at_exit();
        return id;
    }
    os::throw_errno("shared heap", "join", "All 8191 participants are alive; end some processes.",
                    EAGAIN);
}

bool Heap::may_be_dead(ParticipantId id) const {
    Slot& its = slot(id);
    return its.id.load(std::memory_order_relaxed) != id || life_is_in_doubt(its);
}

void Heap::set_name(ParticipantId id, std::string_view name) {
    auto& place = slot(id).name;
    const std::size_t length = std::min(name.size(), participant_name_size - 1);
    for (std::size_t i = 0; i < length; ++i) place[i].store(name[i], std::memory_order_relaxed);
    place[length].store('\0', std::memory_order_release);
}

void Heap::note_own_end(int exit_code) {
    if (const ParticipantId id = identity_->id.load())
        slot(id).ended.store(1 + (static_cast<std::uint32_t>(exit_code) & 0xff));
}

std::optional<Person> Heap::describe(ParticipantId id) const {
    const Slot& its = slot(id);
    Person person{.pid = its.pid.load(std::memory_order_relaxed), .name = {}, .exit_code = {}};
    for (const auto& letter : its.name) {
        const char each = letter.load(std::memory_order_relaxed);
        if (each == '\0') break;
        person.name += each;
    }
    if (const std::uint32_t ended = its.ended.load(std::memory_order_relaxed))
        person.exit_code = static_cast<int>(ended - 1);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (its.id.load(std::memory_order_relaxed) != id) return std::nullopt;
    return person;
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
    // Meanwhile it may have been buried, and the slot may be another's.
    return !os::byte_is_held_by_another(descriptor(), life_of(id)) ||
           current.load(std::memory_order_acquire) != id;
}

bool Heap::has_others() const {
    return os::byte_is_held_by_another(descriptor(), arena_size, slot_count);
}

void Heap::leave() const {
    if (const ParticipantId id = identity_->id.load()) os::unlock_byte(descriptor(), life_of(id));
}

}  // namespace procession::inline v0::heap
