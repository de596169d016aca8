// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>

#include "heap/operation.hpp"
#include "os/deadline.hpp"

namespace procession::inline v0::heap {

// Locks whose word names their owner, so that everybody can tell whether it still lives.

inline constexpr std::uint32_t waiters_bit = 0x80000000u;

/// Whose the lock is by its word; 0: nobody's.
inline ParticipantId owner_in(std::uint32_t word) { return word & ~waiters_bit; }

/// How an attempt to take a lock ended.
enum class Take { taken, timed_out, stopped, owner_is_dead };

/// Takes a lock, waiting for it. A dead owner's is left as it is: what then is to be done is the
/// caller's to say.
Take take(Operation&, LockWord&, const os::Deadline&, const std::stop_token& = {});

/// Gives a lock up, whoever had it. @returns the word as it was
inline std::uint32_t give_up(LockWord& word) {
    return word.value.exchange(0, std::memory_order_release);
}
/// Wakes one of those that wait for a lock which was given up.
void wake_next(LockWord& word);

/// How to make whole again what a lock guards, when its owner died holding it.
enum class Recovery : std::uint32_t { none, arena, directory, semaphore, barrier, bytes, table, count };

/// Called by whoever takes the lock over, before it counts as taken. Must do no harm when repeated.
using Recover = void (*)(Heap&, Offset lock);
void set_recovery(Recovery, Recover);
Recover recovery(Recovery);

/// Takes a lock for the time of its life. A dead owner's lock is recovered first.
class Guard {
  public:
    Guard(Operation&, LockWord&, Recovery);
    ~Guard();
    Guard(Guard&&) = delete;

    /// Takes it only if it is free, or its owner dead.
    static bool try_take(Operation&, LockWord&, Recovery);
    static void release(Operation&, LockWord&);

  private:
    Operation& operation_;
    LockWord& word_;
};

/// The same of a lock that lies in an object: what it guards is made whole by `recover`, which the
/// object's mourner calls as well, through recover_if_of(). So its holder needs no note: to take it is one
/// locked instruction, and to give it up a plain store, which does not wait until the others have got all
/// that was written under it. Such a store may wipe out the bit of one that comes to wait at the very
/// moment; so nobody sleeps long here. For what is held for some instructions only.
class ObjectGuard {
  public:
    ObjectGuard(Heap& heap, LockWord& word, Recover recover) : word_(word), self_(heap.self()) {
        std::uint32_t open = 0;
        if (!word.value.compare_exchange_strong(open, self_, std::memory_order_acquire))
            wait(heap, recover);
    }
    ~ObjectGuard() {
        if (word_.value.load(std::memory_order_relaxed) == self_)
            word_.value.store(0, std::memory_order_release);
        else
            release_and_wake();
    }
    ObjectGuard(ObjectGuard&&) = delete;

    /// Takes the lock if its holder was `dead`, makes whole what it guards, and gives it up.
    static void recover_if_of(Heap&, LockWord&, Recover, ParticipantId dead);

  private:
    void wait(Heap&, Recover);
    void release_and_wake();

    LockWord& word_;
    const ParticipantId self_;
};

}  // namespace procession::inline v0::heap
