// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <immintrin.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>

#include "support/comparison.hpp"
#include "support/crew.hpp"

namespace procession::benchmark {

/// One member's part of round trips: `give` what the other side takes, `take` what it gives. Its figure is
/// the microseconds of one.
template <class Give, class Take>
Crew::Job to_and_fro(int trips, Give give, Take take) {
    return [=](int rank, const std::atomic<bool>&) mutable {
        const auto trip = [&] {
            if (rank == 0) give(0), take(1);
            if (rank == 1) take(0), give(1);
        };
        // Until both are there.
        trip();
        return time_of_each<std::chrono::microseconds>(trips, trip);
    };
}

/// Whose turn it is, in one word: no hand-over between two processes can do with less.
struct Turn {
    static std::uint32_t given_by(int side) { return side == 0; }

    void give(int side) { word.store(given_by(side), std::memory_order_release); }
    void spin_until_given(int side) const {
        while (word.load(std::memory_order_acquire) != given_by(side)) _mm_pause();
    }

    void give_and_wake(int side) {
        give(side);
        ::syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
    }
    void sleep_until_given(int side) {
        while (word.load(std::memory_order_acquire) != given_by(side))
            ::syscall(SYS_futex, &word, FUTEX_WAIT, !given_by(side), nullptr, nullptr, 0);
    }

    alignas(64) std::atomic<std::uint32_t> word{0};
};

}  // namespace procession::benchmark
