// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "heap/waiting.hpp"

namespace procession::inline v0::synchronize {

/// Changes what others wait for at a point, then wakes as many as `count`. A change that nobody waits
/// for costs no more than itself.
///
/// One that sees them before says so first: its coroner wakes them if it is killed in between. One that
/// is killed between its change and seeing those who came meanwhile leaves them to their timed sleep.
template <class Change>
void change_and_notify(heap::WaitPoint& point, int count, Change change) {
    std::optional<heap::Operation> operation;
    const auto owes_waiters = [&] {
        if (point.waiters.load(std::memory_order_relaxed) == 0) return false;
        if (!operation) operation.emplace(heap::Heap::program()).owes(point);
        return true;
    };
    owes_waiters();
    change();
    std::atomic_thread_fence(std::memory_order_seq_cst);
    PROCESSION_KILL_POINT("synchronize.changed");
    if (owes_waiters()) notify(point, count);
}

}  // namespace procession::inline v0::synchronize
