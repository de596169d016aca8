// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>

#include <chrono>
#include <thread>

namespace procession::inline v0::os {

/// Tells the processor that this is a spinning loop.
inline void pause() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

/// How often to look again before going to sleep: never where there is nobody to spin beside.
inline int spin_limit() noexcept {
    static const int limit = std::thread::hardware_concurrency() > 1 ? 200 : 0;
    return limit;
}

/// Looks again and again for a while, unless there is nobody to spin beside; whether it came true.
/// Whoever is waited for may have been put on this very processor, so it is offered each time.
template <class Ready>
bool spin(std::chrono::microseconds limit, Ready ready) {
    if (spin_limit() == 0) return ready();
    const auto end = std::chrono::steady_clock::now() + limit;
    do {
        if (ready()) return true;
        ::sched_yield();
    } while (std::chrono::steady_clock::now() < end);
    return false;
}

}  // namespace procession::inline v0::os
