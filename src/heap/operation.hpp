// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "heap/heap.hpp"

namespace procession::inline v0::heap {

/// How to make whole again what a lock guards, when its owner died holding it.
enum class Recovery : std::uint32_t { none, arena, directory, queue_put, queue_get, count };

/// Called by whoever takes the lock over, before it counts as taken. Must do no harm when repeated.
using Recover = void (*)(Heap&, Offset lock);
void set_recovery(Recovery, Recover);
Recover recovery(Recovery);

/// One thread's entry in its process's slot while it works on the heap: whoever buries the process
/// reads there what to wake and which lock to recover.
class Operation {
  public:
    explicit Operation(Heap& heap);
    ~Operation();
    Operation(Operation&&) = delete;

    Heap& heap() const { return heap_; }
    ParticipantId self() const { return self_; }
    Activity& activity() const { return *activity_; }

    /// This operation may have to wake `point` from now on, until settled().
    void owes(WaitPoint& point) { activity_->owes.store(heap_.offset_of(&point)); }
    void settled() { activity_->owes.store(0, std::memory_order_release); }

    /// This operation waits for `point` from now on, until wait_ends(): what it waited for was taken.
    void waits_on(WaitPoint& point) { activity_->waits_on.store(heap_.offset_of(&point)); }
    void wait_ends() { activity_->waits_on.store(0, std::memory_order_release); }

    /// Sleeps through `sleep`, giving the entry to other threads meanwhile where entries are scarce:
    /// then there is no note of the wait, and the timed sleep is its cure.
    template <class Sleep>
    void sleep(Sleep sleep) {
        const bool scarce = entries_are_scarce();
        if (scarce) end();
        sleep();
        if (scarce) begin();
    }

  private:
    bool entries_are_scarce() const;
    void begin();
    void end();

    Heap& heap_;
    ParticipantId self_;
    std::uint32_t index_;
    Activity* activity_;
};

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

}  // namespace procession::inline v0::heap
