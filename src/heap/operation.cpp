// SPDX-License-Identifier: Apache-2.0
#include "heap/operation.hpp"

#include <sched.h>

#include <bit>

#include "heap/life.hpp"

namespace procession::inline v0::heap {
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

}  // namespace procession::inline v0::heap
