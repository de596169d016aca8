// SPDX-License-Identifier: Apache-2.0
#pragma once

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

}  // namespace procession::inline v0::os
