// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>

#include <cstdint>

namespace procession::inline v0::os {

/// Which of the signals 1 to 64 the calling thread blocks: a bit for each.
inline std::uint64_t signal_mask() {
    sigset_t set;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &set);
    std::uint64_t mask = 0;
    for (int signal = 1; signal <= 64; ++signal)
        if (::sigismember(&set, signal) == 1) mask |= std::uint64_t{1} << (signal - 1);
    return mask;
}

/// Has the calling thread block these and no others.
inline void set_signal_mask(std::uint64_t mask) {
    sigset_t set;
    ::sigemptyset(&set);
    for (int signal = 1; signal <= 64; ++signal)
        if (mask >> (signal - 1) & 1) ::sigaddset(&set, signal);
    ::pthread_sigmask(SIG_SETMASK, &set, nullptr);
}

}  // namespace procession::inline v0::os
