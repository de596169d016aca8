// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <utility>

#include "heap/layout.hpp"

namespace procession::inline v0::heap {

/// While it lives, what belongs to one process and goes in this thread is left to another: a child that was
/// forked and has it in its memory, but does not hold it yet.
class Bequest {
  public:
    explicit Bequest(ParticipantId to) : before_(std::exchange(heir_, to)) {}
    ~Bequest() { heir_ = before_; }
    Bequest(Bequest&&) = delete;

    /// Something that can be left to another begins to be here, or ends.
    static void count(int more) { things_.fetch_add(more, std::memory_order_relaxed); }
    static bool is_there_any() { return things_.load(std::memory_order_relaxed) != 0; }

    /// To whom this thread leaves what goes; 0: to nobody.
    static ParticipantId heir() { return heir_; }

  private:
    static inline std::atomic<int> things_{0};
    static inline thread_local ParticipantId heir_ = 0;
    const ParticipantId before_;
};

}  // namespace procession::inline v0::heap
