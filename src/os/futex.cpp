// SPDX-License-Identifier: Apache-2.0
#include "os/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <limits>

#include "os/error.hpp"

namespace procession::inline v0::os {

Wake futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                const Deadline& deadline) {
    timespec storage;
    // The bitset form takes an absolute time on CLOCK_MONOTONIC (futex(2)).
    const long result = ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, expected,
                                  deadline.to_timespec(storage), nullptr, FUTEX_BITSET_MATCH_ANY);
    if (result == 0) return Wake::woken;
    switch (errno) {
        case EAGAIN: return Wake::value_changed;
        case ETIMEDOUT: return Wake::timed_out;
        case EINTR: return Wake::interrupted;
        default: throw_errno("futex word", "futex(FUTEX_WAIT_BITSET)");
    }
}

int futex_wake(const std::atomic<std::uint32_t>& word, int count) noexcept {
    return static_cast<int>(::syscall(SYS_futex, &word, FUTEX_WAKE, count, nullptr, nullptr, 0));
}

}  // namespace procession::inline v0::os
