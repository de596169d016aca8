// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "heap/layout.hpp"
#include "os/deadline.hpp"
#include "os/stop_word.hpp"

namespace procession::inline v0::heap {

// A participant's life as a word that one can sleep on: a robust mutex, held by one of its threads
// and never by anybody else, which the kernel flags when that thread ends. Only a hint, and the
// first to come: the process may live on, and while it dies it still has its record lock, which is
// the truth. The next of its threads that works on the heap takes a flagged life anew.

/// Takes the life of a slot that was free, for the calling thread.
void begin_life(Slot&);
/// Gives it up; false when another thread has it.
bool end_life(Slot&);

/// Takes this process's life anew if the thread that had it ended.
void renew_life(Slot&);

/// Whether it was given up or flagged.
bool life_is_in_doubt(Slot&);

/// Sleeps on a word as long as its owner lives; a stop request ends it.
class OwnedWordSleep {
  public:
    explicit OwnedWordSleep(const std::stop_token& stop) : stop_(stop) {}

    /// While `word` holds `expected`, until `deadline` at the longest. True when it is time to ask
    /// whether the owner is dead: its life was flagged, or nothing came for a while.
    bool operator()(std::atomic<std::uint32_t>& word, std::uint32_t expected, Slot& owner,
                    const os::Deadline& deadline);

  private:
    os::StopWord stop_;
    std::chrono::microseconds next_look_{20};
    std::chrono::milliseconds patience_{10};
};

}  // namespace procession::inline v0::heap
