// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>

#include <chrono>

namespace procession::inline v0::os {

/// Tells the processor that this is a spinning loop.
inline void pause() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

inline void pause(int times) noexcept {
    for (int i = 0; i < times; ++i) pause();
}

/// How often to look again before going to sleep: never where there is nobody to spin beside.
inline int spin_limit() noexcept {
    static thread_local int limit = 0, calls = 0;
    // A process may be bound to other processors at any time; to ask each time would cost too much.
    if (calls++ % 64 == 0) {
        cpu_set_t allowed;
        const bool alone =
            ::sched_getaffinity(0, sizeof allowed, &allowed) == 0 && CPU_COUNT(&allowed) == 1;
        limit = alone ? 0 : 200;
    }
    return limit;
}

/// Looks again after pauses that grow: for words that others change, since each look takes the cache line
/// away from them.
class GrowingPause {
  public:
    /// Pauses; false once it is time to go to sleep.
    bool operator()() {
        if (sum_ > spin_limit()) return false;
        pause(next_);
        sum_ += next_;
        next_ *= 2;
        return true;
    }

  private:
    int next_ = 1, sum_ = 1;
};

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
