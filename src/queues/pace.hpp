// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "os/spin.hpp"

namespace procession::inline v0::queues {

/// How one side of a queue goes along with the other.
///
/// A getter that has caught up with the putters looks again and again at the cache line that the next
/// message is written to, and each look costs the putter that line: both then go at the pace at which a
/// line travels. One that stays away for a moment finds many messages, and reads and writes go to
/// different lines. The same holds for a putter that has found the queue full.
///
/// It is worth it only where messages come one upon the other: where a round trip is waited for, it would
/// be its cost. So it is tried once the next chance has come soon many times in a row; if that yields no run,
/// it is given up, and tried again only after twice as many. All this is hints, which threads may overwrite.
class Pace {
  public:
    /// Pauses before another look: each one while the other side writes has it write twice.
    static constexpr int between_looks = 4;

    /// Called by one that has put or taken something, after so many looks in vain.
    void went_on(std::uint32_t looks) {
        const int processor = ::sched_getcpu();
        if (processor_.load(std::memory_order_relaxed) != processor)
            processor_.store(processor, std::memory_order_relaxed);
        run_.store(run_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        if (looks == 0) return;
        const std::uint32_t soon = soon_.load(std::memory_order_relaxed);
        soon_.store(looks <= few_looks ? soon + 1 : 0, std::memory_order_relaxed);
    }

    /// Called by one that can't go on, before it looks again.
    void caught_up(const Pace& other) {
        const std::uint32_t calls = calls_.load(std::memory_order_relaxed);
        calls_.store(calls + 1, std::memory_order_relaxed);
        // Not each time: it is the other side's to write.
        if (calls % 64 == 0) beside_.store(other.runs_beside(), std::memory_order_relaxed);
        if (!beside_.load(std::memory_order_relaxed)) return;
        os::pause(keeps_off() ? between_runs : between_looks);
    }
    /// Called by one that has woken somebody of the other side.
    void woke() { fences_.store(64, std::memory_order_relaxed); }
    /// Whether some of the other side slept lately. Then whoever goes on looks for sleepers after a fence,
    /// which would have it wait each time until the others have got its writes. Else it may miss one that
    /// comes at the very moment.
    bool minds_sleepers() {
        const std::uint32_t left = fences_.load(std::memory_order_relaxed);
        if (left != 0) fences_.store(left - 1, std::memory_order_relaxed);
        return left != 0;
    }

    /// Whether that side was last seen on another processor: then it may be worth while to spin.
    bool runs_beside() const { return processor_.load(std::memory_order_relaxed) != ::sched_getcpu(); }

  private:
    /// Whether to stay away for longer this time.
    bool keeps_off() {
        const std::uint32_t run = run_.load(std::memory_order_relaxed);
        run_.store(0, std::memory_order_relaxed);
        const std::uint32_t trial = std::max(first_trial, trial_.load(std::memory_order_relaxed));
        if (keeps_off_.load(std::memory_order_relaxed) == 0) {
            if (soon_.load(std::memory_order_relaxed) < trial) return false;
            keeps_off_.store(1, std::memory_order_relaxed);
        } else if (run >= worthwhile_run) {
            trial_.store(first_trial, std::memory_order_relaxed);
        } else {
            keeps_off_.store(0, std::memory_order_relaxed);
            soon_.store(0, std::memory_order_relaxed);
            trial_.store(std::min(2 * trial, last_trial), std::memory_order_relaxed);
            return false;
        }
        return true;
    }

    static constexpr std::uint32_t few_looks = 8;
    static constexpr std::uint32_t worthwhile_run = 16;
    static constexpr std::uint32_t first_trial = 64, last_trial = 8192;
    static constexpr int between_runs = 400;

    std::atomic<std::int32_t> processor_;
    std::atomic<std::uint32_t> run_;    ///< since one could not go on
    std::atomic<std::uint32_t> soon_;   ///< how often in a row it could soon again
    std::atomic<std::uint32_t> trial_;  ///< after so many of those it keeps off for a moment
    std::atomic<std::uint32_t> keeps_off_;
    std::atomic<std::uint32_t> calls_;
    std::atomic<std::uint32_t> beside_;  ///< whether the other side was on another processor lately
    std::atomic<std::uint32_t> fences_;
};

}  // namespace procession::inline v0::queues
