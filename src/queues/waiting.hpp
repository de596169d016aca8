// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <procession/error.hpp>

#include <algorithm>
#include <climits>

#include "heap/waiting.hpp"
#include "queues/queue_body.hpp"

// How putters wait for room and takers for messages, and wake one another.

namespace procession::inline v0::queues {

/// One side of a queue: where it waits, and how it goes.
struct Side {
    heap::WaitPoint& point;
    Pace& pace;
};

/// What is to be done, for messages, and how long it may be waited for.
struct Request {
    const char* name;
    const Timeout& timeout;
    const std::stop_token& stop;
};

/// The first sleep is short, since one that just comes may be missed (Pace::minds_sleepers); but no shorter
/// than a timer's tick, or each would set the timer anew.
inline heap::Patience patience_with(const Side& other) {
    return {other.pace.runs_beside() ? 50 : 0, Pace::between_looks, std::chrono::milliseconds(5)};
}

/// Does `attempt()` until it has done something, waiting on this side where it must, and then wakes as many
/// of those who wait on the other as were `done`. Where nobody waits, that is the attempt and a look. The
/// queue's mourner wakes all at every death, so no note is made of any of it.
/// @returns false when the time ran out
template <class Attempt>
bool do_or_wait(const Request& request, const QueueBody& body, const Side& mine, const Side& other,
                const Attempt& attempt, const std::size_t& done) {
    // One that was killed may have left what makes it seem that there is nothing to do. The dead are looked
    // for before each sleep, and by those who do not sleep.
    const auto attempt_again = [&] {
        return bury_dead_takers(heap::Heap::program(), body.stream) && attempt();
    };
    const bool waits = !request.timeout || request.timeout->count() != 0;
    if (!attempt() && (waits || !attempt_again())) {
        if (!waits) return false;
        const auto ready = [&] {
            return attempt() ||
                   (mine.point.waiters.load(std::memory_order_relaxed) != 0 && attempt_again());
        };
        const auto waited = wait(heap::NoNote(), mine.point, ready, os::Deadline::after(request.timeout),
                                 request.stop, patience_with(other));
        if (waited == heap::Waited::stopped)
            throw CancelledError(fmt::format("{}::{}: the wait was stopped", body.kind, request.name));
        if (waited == heap::Waited::timed_out) return false;
    }
    if (mine.pace.minds_sleepers())
        std::atomic_thread_fence(std::memory_order_seq_cst);
    else
        std::atomic_signal_fence(std::memory_order_seq_cst);
    PROCESSION_KILL_POINT("queue.before_wake");
    if (other.point.waiters.load(std::memory_order_relaxed) != 0) {
        notify(other.point, static_cast<int>(std::min<std::size_t>(done, INT_MAX)));
        mine.pace.woke();
    }
    return true;
}

}  // namespace procession::inline v0::queues
