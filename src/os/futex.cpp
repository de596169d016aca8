// SPDX-License-Identifier: Apache-2.0
#include "os/futex.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "os/error.hpp"

namespace procession::inline v0::os {
namespace {

// <linux/futex.h> and <sys/syscall.h> have these where the headers are new enough.
constexpr long futex_waitv_number = 449;
struct WaitvEntry {
    std::uint64_t expected;
    std::uint64_t address;
    std::uint32_t flags;
    std::uint32_t reserved;
};
constexpr std::uint32_t flag_32_bits = 2;
constexpr std::size_t most_words = 4;

std::atomic<bool> waitv_is_missing{false};

Wake why_it_returned(long result, const char* call) {
    if (result >= 0) return Wake::woken;
    switch (errno) {
        case EAGAIN: return Wake::value_changed;
        case ETIMEDOUT: return Wake::timed_out;
        case EINTR: return Wake::interrupted;
        default: throw_errno("futex word", call);
    }
}

}  // namespace

Wake futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                const Deadline& deadline) {
    timespec storage;
    // The bitset form takes an absolute time on CLOCK_MONOTONIC (futex(2)).
    const long result = ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, expected,
                                  deadline.to_timespec(storage), nullptr, FUTEX_BITSET_MATCH_ANY);
    return why_it_returned(result, "futex(FUTEX_WAIT_BITSET)");
}

Wake futex_wait_any(std::initializer_list<Expectation> words, const Deadline& deadline) {
    if (!waitv_is_missing.load(std::memory_order_relaxed)) {
        std::array<WaitvEntry, most_words> entries;
        std::transform(words.begin(), words.end(), entries.begin(), [](const Expectation& each) {
            return WaitvEntry{each.expected, reinterpret_cast<std::uintptr_t>(&each.word), flag_32_bits,
                              0};
        });
        timespec storage;
        const long result = ::syscall(futex_waitv_number, entries.data(), words.size(), 0,
                                      deadline.to_timespec(storage), CLOCK_MONOTONIC);
        // EPERM: a sandbox that does not know the call.
        if (result >= 0 || (errno != ENOSYS && errno != EPERM))
            return why_it_returned(result, "futex_waitv");
        waitv_is_missing = true;
    }
    return futex_wait(words.begin()->word, words.begin()->expected, deadline);
}

bool waits_for_several() { return !waitv_is_missing.load(std::memory_order_relaxed); }

int futex_wake(const std::atomic<std::uint32_t>& word, int count) noexcept {
    return static_cast<int>(::syscall(SYS_futex, &word, FUTEX_WAKE, count, nullptr, nullptr, 0));
}

}  // namespace procession::inline v0::os
