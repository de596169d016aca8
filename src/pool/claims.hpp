// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "pool/pool_body.hpp"

// How workers take tasks, each in its own name. All of it happens under the pool's lock.

namespace procession::inline v0::pool {

/// A worker's way to tasks.
class Claims {
  public:
    Claims(heap::Heap& heap, PoolBody& body, std::uint32_t seat)
        : heap_(heap), body_(body), index_(seat), seat_(body.seat(heap, seat)) {}

    /// Whether there may be something to take, without the lock.
    bool shows_task() const;
    /// Takes items of the next task: as many as it says, or `wanted(record)`, but at most so many; and notes
    /// them in the seat. @returns false if there is none
    template <class Wanted>
    bool take(const Wanted& wanted, std::uint32_t at_most) {
        const heap::ObjectGuard guard(heap_, body_.lock, recover);
        TaskRecord* const task = next_task();
        if (!task) return false;
        const std::uint32_t at_once = task->at_once & ~TaskRecord::timed;
        take(*task, std::min(at_most, at_once != 0 ? at_once : wanted(*task)));
        return true;
    }
    /// Takes half of what another worker has and has not begun. @returns false if nobody has any
    bool steal();

    /// Finishes or undoes what a dead holder of the lock was at.
    static void recover(heap::Heap&, heap::Offset lock);

  private:
    TaskRecord* next_task();
    void take(TaskRecord&, std::uint32_t count);
    bool steal_from(Seat& victim, std::uint32_t index);

    heap::Heap& heap_;
    PoolBody& body_;
    const std::uint32_t index_;
    Seat& seat_;
};

/// The first record of a list of which there is something to take; null if there is none. The head moves
/// there: under the lock.
TaskRecord* first_untaken(const heap::Heap&, TaskList&);

}  // namespace procession::inline v0::pool
