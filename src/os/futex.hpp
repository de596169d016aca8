// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <initializer_list>

#include "os/deadline.hpp"

namespace procession::inline v0::os {

/// Why a futex wait returned. The caller looks at its condition again after each of them.
enum class Wake { woken, value_changed, timed_out, interrupted };

/// Sleeps while `word` holds `expected`, until woken or the deadline. The word may be shared between
/// processes. A signal ends the sleep (`interrupted`): whether to go on is the caller's to say.
Wake futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected, const Deadline&);

/// A word, and what it holds as long as there is nothing to wake up for.
struct Expectation {
    const std::atomic<std::uint32_t>& word;
    std::uint32_t expected;
};

/// The same, on up to four words at once, until one of them changes or is woken (futex_waitv). Before
/// Linux 5.16 only the first one wakes: whoever needs the others takes a short deadline.
Wake futex_wait_any(std::initializer_list<Expectation>, const Deadline&);

/// Whether that is so here; as far as is known, before the first call.
bool waits_for_several();

/// Wakes up to `count` sleepers; returns how many there were.
int futex_wake(const std::atomic<std::uint32_t>& word, int count) noexcept;

}  // namespace procession::inline v0::os
