// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "heap/heap.hpp"
#include "os/futex.hpp"

namespace procession::inline v0::heap {

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
    void owes(const WaitPoint& point) { activity_->owes.store(heap_.offset_of(&point)); }
    /// The same of a word that it changes before it wakes.
    void owes(const std::atomic<std::uint32_t>& word) { activity_->owes.store(name_of(word)); }
    void settled() { activity_->owes.store(0, std::memory_order_release); }

    /// This operation waits for `point` from now on, until wait_ends(): what it waited for was taken.
    void waits_on(const WaitPoint& point) { activity_->waits_on.store(heap_.offset_of(&point)); }
    void waits_on(const LockWord& lock) { activity_->waits_on.store(name_of(lock.value)); }
    void wait_ends() { activity_->waits_on.store(0, std::memory_order_release); }

    /// Sleeps through `sleep`, giving the entry to other threads meanwhile where entries are scarce and
    /// nothing else is noted there: then there is no note of the wait, and the timed sleep is its cure.
    template <class Sleep>
    void sleep(Sleep sleep) {
        const bool scarce =
            entries_are_scarce() && activity_->holds.load(std::memory_order_relaxed) == 0;
        if (scarce) end();
        sleep();
        if (scarce) begin();
    }

    void sleep_on(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                  const os::Deadline& deadline) {
        sleep([&] { os::futex_wait(word, expected, deadline); });
    }

  private:
    Offset name_of(const std::atomic<std::uint32_t>& word) const {
        return heap_.offset_of(&word) | Activity::is_word;
    }
    bool entries_are_scarce() const;
    void begin();
    void end();

    Heap& heap_;
    ParticipantId self_;
    std::uint32_t index_;
    Activity* activity_;
};

}  // namespace procession::inline v0::heap
