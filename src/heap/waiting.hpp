// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <climits>
#include <optional>
#include <stop_token>

#include "heap/operation.hpp"
#include "os/futex.hpp"
#include "os/kill_point.hpp"
#include "os/spin.hpp"

namespace procession::inline v0::heap {

// The one way in which anything waits. A waiter looks, spins a little, sets the waiters flag, looks
// again and sleeps; a waker changes the state, then looks at the flag. Both have a full fence in
// between, so one of them sees the other. The flag is no count: a killed waiter would leave that
// wrong for ever. A waiter that is killed after it was woken takes the wake-up along: its slot says
// what it waited for and what it owed, and whoever buries it wakes all of those; the timed sleep is
// the second line.

/// Wakes one waiter, or as many as `count`. No system call when nobody waits.
inline void notify(WaitPoint& point, int count = 1) {
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (point.waiters.load(std::memory_order_relaxed) == 0) return;
    // The flag stays up meanwhile: another waker may come, and there may be more than are woken. It goes
    // down only when nobody slept, nobody came to wait and nobody else is waking: the mark is ours still.
    std::uint32_t mark = 0x80000000u | point.sequence.fetch_add(1);
    point.waiters.store(mark);
    PROCESSION_KILL_POINT("wake.flag_marked");
    point.sequence.fetch_add(1);
    if (os::futex_wake(point.sequence, count) == 0) point.waiters.compare_exchange_strong(mark, 0);
    PROCESSION_KILL_POINT("wake.woken");
}

inline void notify_all(WaitPoint& point) { notify(point, INT_MAX); }

/// What ended a wait.
enum class Waited { ready, timed_out, stopped };

/// Waits until `ready()` is true; it is called again and again, and may take what it waits for.
template <class Ready>
Waited wait(Operation& operation, WaitPoint& point, Ready ready, const os::Deadline& deadline,
            const std::stop_token& stop = {}) {
    for (int i = os::spin_limit(); i >= 0; --i) {
        if (ready()) return Waited::ready;
        if (deadline.expired()) return Waited::timed_out;
        os::pause();
    }
    const auto wake_all = [&point] {
        point.sequence.fetch_add(1);
        os::futex_wake(point.sequence, INT_MAX);
    };
    const std::stop_callback on_stop(stop, wake_all);
    for (;;) {
        const std::uint32_t sequence = point.sequence.load();
        operation.waits_on(point);
        point.waiters.store(1);
        std::atomic_thread_fence(std::memory_order_seq_cst);
        std::optional<Waited> result;
        if (ready())
            result = Waited::ready;
        else if (stop.stop_requested())
            result = Waited::stopped;
        else if (deadline.expired())
            result = Waited::timed_out;
        if (result) {
            operation.wait_ends();
            return *result;
        }
        PROCESSION_KILL_POINT("wait.before_sleep");
        operation.sleep([&] {
            os::futex_wait(point.sequence, sequence, deadline.sooner(std::chrono::milliseconds(250)));
        });
        PROCESSION_KILL_POINT("wait.after_sleep");
    }
}

}  // namespace procession::inline v0::heap
