// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <procession/error.hpp>
#include <procession/timeout.hpp>

#include <algorithm>
#include <atomic>
#include <climits>
#include <stop_token>

#include "heap/waiting.hpp"
#include "queues/doorbell.hpp"
#include "queues/stream.hpp"

// A stream, and those who wait: putters for room and takers for messages, and how they wake one another.

namespace procession::inline v0::queues {

/// What a queue is, and each way of a pipe.
struct Channel {
    std::uint64_t limit;               ///< of what its putters count; 0: none
    std::atomic<std::uint32_t> ended;  ///< nothing is put any more
    heap::WaitPoint not_empty;
    heap::WaitPoint watched;  ///< as not_empty, but for those who only look, of which each is to be told
    heap::WaitPoint not_full;
    Stream stream;
};
// What all read and nearly nobody writes is in no line that putting or taking writes.
static_assert(offsetof(Channel, stream) == heap::cache_line);

/// What is to be done with messages, and how long it may be waited for.
struct Request {
    const char* object;
    const char* name;
    const Timeout& timeout;
    const std::stop_token& stop;
    /// What those hold who alone can do the other side's part; 0: anybody can.
    heap::Offset others_hold = 0;

    bool waits() const { return !timeout || timeout->count() != 0; }
};

enum class Passed { done, timed_out, ended };

/// One side of a channel: where it waits, and how it goes.
struct Side {
    heap::WaitPoint& point;
    Pace& pace;
};
inline Side putters(Channel& channel) { return {channel.not_full, channel.stream.put.pace}; }
inline Side takers(Channel& channel) { return {channel.not_empty, channel.stream.take.pace}; }

/// The first sleep is short, since one that just comes may be missed (Pace::minds_sleepers); but no shorter
/// than a timer's tick, or each would set the timer anew.
inline heap::Patience patience_with(const Side& other) {
    return {other.pace.runs_beside() ? 50 : 0, Pace::between_looks, std::chrono::milliseconds(5)};
}

/// Does `attempt()` again and again, waiting on this side. Out of the way of those that need not wait.
/// @returns false when the time ran out
template <class Attempt>
[[gnu::noinline]] bool keep_attempting(const Request& request, const Stream& stream, const Side& mine,
                                       const Side& other, const Attempt& attempt) {
    heap::Heap& heap = heap::Heap::program();
    // One that was killed may have left what makes it seem that there is nothing to do. The dead are looked
    // for before each sleep, and by those who do not sleep.
    const auto attempt_after_burial = [&] {
        const bool any_died = bury_dead_takers(heap, stream);
        const bool nobody_left =
            request.others_hold != 0 && living_holder(heap, request.others_hold) == 0;
        return (any_died || nobody_left) && attempt();
    };
    if (!request.waits()) return attempt_after_burial();
    const auto ready = [&] {
        return attempt() ||
               (mine.point.waiters.load(std::memory_order_relaxed) != 0 && attempt_after_burial());
    };
    const auto waited = wait(heap::Awaiting(heap, request.others_hold), mine.point, ready,
                             os::Deadline::after(request.timeout), request.stop, patience_with(other));
    if (waited == heap::Waited::stopped)
        throw CancelledError(fmt::format("{}::{}: the wait was stopped", request.object, request.name));
    return waited == heap::Waited::ready;
}

/// Does `attempt()` until it has done something, waiting on this side where it must, and then wakes as many
/// of those who wait on the other as were `done`. Where nobody waits, that is the attempt and a look. The
/// object's mourner wakes all at every death, so no note is made of any of it.
/// @returns false when the time ran out
template <class Attempt>
bool do_or_wait(const Request& request, const Stream& stream, const Side& mine, const Side& other,
                const Attempt& attempt, const std::size_t& done) {
    if (!attempt() && !keep_attempting(request, stream, mine, other, attempt)) return false;
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

/// Whether nothing is put any more.
struct HasEnded {
    const Channel& channel;
    bool operator()() const { return channel.ended.load(std::memory_order_relaxed) != 0; }
};

/// Tells those who only look that there is something to take, or never will be again.
/// @param doorbell  this process's, if it has one
inline void tell_watchers(Channel& channel, Doorbell* doorbell) {
    if (channel.watched.waiters.load(std::memory_order_relaxed) != 0) notify_all(channel.watched);
    if (doorbell) doorbell->after_put();
}

/// Puts with `put_some(putter)`, which returns how many messages it put; until `has_ended()`.
template <class HasEnded, class PutSome>
Passed put_into(Channel& channel, const Request& request, Doorbell* doorbell, const HasEnded& has_ended,
                const PutSome& put_some) {
    heap::Heap& heap = heap::Heap::program();
    const Side mine = putters(channel), other = takers(channel);
    std::size_t done = 0;
    std::uint32_t looks = 0;
    const auto attempt = [&] {
        if (has_ended()) return true;
        if (looks++ == 1) mine.pace.caught_up(other.pace);
        Putter putter(heap, channel.stream);
        done = put_some(putter);
        if (done != 0) mine.pace.went_on(looks - 1);
        return done != 0;
    };
    if (!do_or_wait(request, channel.stream, mine, other, attempt, done)) return Passed::timed_out;
    if (done == 0) return Passed::ended;
    tell_watchers(channel, doorbell);
    return Passed::done;
}

/// Takes with `take_some(taker)`, which returns how many messages it took; until `has_ended()`.
template <class HasEnded, class TakeSome>
Passed take_from(Channel& channel, const Request& request, Doorbell* doorbell, const HasEnded& has_ended,
                 const TakeSome& take_some) {
    heap::Heap& heap = heap::Heap::program();
    const Side mine = takers(channel), other = putters(channel);
    std::size_t done = 0;
    std::uint32_t looks = 0;
    const auto take = [&] {
        Taker taker(heap, channel.stream);
        done = take_some(taker);
        if (done != 0) mine.pace.went_on(looks - 1);
        return done != 0;
    };
    const auto attempt = [&] {
        const bool ended = has_ended();
        ++looks;
        if ((ended || shows_message(heap, channel.stream)) && take()) return true;
        // Who does not wait here looks as often as he likes.
        if (looks == 1 && request.waits()) mine.pace.caught_up(other.pace);
        if (ended && bury_dead_takers(heap, channel.stream)) take();
        return ended;
    };
    const bool in_time = do_or_wait(request, channel.stream, mine, other, attempt, done);
    if (doorbell) doorbell->after_get(done == 0);
    if (!in_time) return Passed::timed_out;
    return done == 0 ? Passed::ended : Passed::done;
}

/// Whether there is something to take, or never will be again.
inline bool has_message_or_end(heap::Heap& heap, Channel& channel) {
    if (channel.ended.load() != 0 || has_message_in_place(heap, channel.stream)) return true;
    // What shows may just be gone, or lead to the next segment and no further. How many are counted is no
    // answer: a putter that died may have put one without counting it, and counts are the putters' to write.
    return shows_message(heap, channel.stream) && Taker(heap, channel.stream).peek();
}

/// Ends it for all.
inline void end(Channel& channel, Doorbell* doorbell) {
    channel.ended.store(1);
    notify_all(channel.not_empty);
    notify_all(channel.not_full);
    tell_watchers(channel, doorbell);
}

/// What the object's mourner is to do: all who wait look again. The dead one may have put or taken something
/// and not come to tell, or have been told and not come to do anything: nobody makes a note of that.
inline void mourn(heap::Heap& heap, Channel& channel, heap::ParticipantId dead) {
    mourn_stream(heap, channel.stream, dead);
    for (heap::WaitPoint* const point : {&channel.not_empty, &channel.watched, &channel.not_full})
        notify_all(*point);
}

}  // namespace procession::inline v0::queues
