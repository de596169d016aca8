// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <climits>
#include <optional>
#include <stop_token>

#include "heap/life.hpp"
#include "heap/operation.hpp"
#include "os/futex.hpp"
#include "os/kill_point.hpp"
#include "os/spin.hpp"
#include "os/stop_word.hpp"

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

/// How a wait goes before it sleeps, and how long a sleep may be.
struct Patience {
    /// The second line: a sleeper looks again after that time, whatever was lost.
    static constexpr std::chrono::milliseconds second_line{250};

    int looks = os::spin_limit();  ///< before it sleeps at all
    int pauses = 1;                ///< after each of them
    /// By one that has just put the flag up. Short where wakers have no fence between their change and their
    /// look at the flag: they may miss it at that very moment, and at no other.
    std::chrono::nanoseconds first_sleep = second_line;
    std::chrono::nanoseconds longest_sleep = second_line;

    /// Where every waker has a full fence and the point's mourner wakes all at every death, no second line is
    /// needed: a timer for each sleep costs as much as half a wake-up, and an idle waiter stays asleep.
    static Patience without_timer() {
        Patience patience;
        patience.first_sleep = patience.longest_sleep = std::chrono::nanoseconds::max();
        return patience;
    }
};

/// For waits at points that their object's mourner wakes at every death: nobody needs a note of who waits
/// there, or has to wake somebody.
struct NoNote {
    void waits_on(const WaitPoint&) const {}
    void wait_ends() const {}
    void sleep_on(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                  const os::Deadline& deadline) const {
        os::futex_wait(word, expected, deadline);
    }
};

/// The same where nobody can come but those who hold an object, if one is named: the sleeper learns at once
/// when they die.
class Awaiting {
  public:
    Awaiting(Heap& heap, Offset held_by_them) : heap_(heap), object_(held_by_them) {}
    void waits_on(const WaitPoint&) const {}
    void wait_ends() const {}
    void sleep_on(std::atomic<std::uint32_t>& word, std::uint32_t expected, const os::Deadline&);

  private:
    Heap& heap_;
    const Offset object_;
    std::optional<OwnedWordSleep> sleep_;  ///< from the second time on: most waits are short
};

/// Waits until `ready()` is true; it is called again and again, and may take what it waits for.
template <class Note, class Ready>
Waited wait(Note&& note, WaitPoint& point, const Ready& ready, const os::Deadline& deadline,
            const std::stop_token& stop = {}, const Patience& patience = {}) {
    for (int i = patience.looks; i >= 0; --i) {
        if (ready()) return Waited::ready;
        if (deadline.expired()) return Waited::timed_out;
        os::pause(patience.pauses);
    }
    const auto wake_all = [&point] {
        point.sequence.fetch_add(1);
        os::futex_wake(point.sequence, INT_MAX);
    };
    const std::stop_callback on_stop(stop, wake_all);
    for (;;) {
        const std::uint32_t sequence = point.sequence.load();
        note.waits_on(point);
        const bool put_up = point.waiters.exchange(1) == 0;
        std::atomic_thread_fence(std::memory_order_seq_cst);
        std::optional<Waited> result;
        if (ready())
            result = Waited::ready;
        else if (stop.stop_requested())
            result = Waited::stopped;
        else if (deadline.expired())
            result = Waited::timed_out;
        if (result) {
            note.wait_ends();
            return *result;
        }
        PROCESSION_KILL_POINT("wait.before_sleep");
        note.sleep_on(point.sequence, sequence,
                      deadline.sooner(put_up ? patience.first_sleep : patience.longest_sleep));
        PROCESSION_KILL_POINT("wait.after_sleep");
    }
}

// Where waiters are known one by one, each has a word of its own. Whoever answers it wakes that one and no
// other, and the answer stays until it is read: nobody takes it along, however he dies.

/// In a waiter's own word: it sleeps.
inline constexpr std::uint32_t asleep_bit = 0x80000000u;

/// Whether a waiter's own word still says `waiting`.
inline bool is_unanswered(const std::atomic<std::uint32_t>& word, std::uint32_t waiting) {
    return (word.load(std::memory_order_acquire) & ~asleep_bit) == waiting;
}

/// Changes a waiter's own word from `waiting` to `answer`, and wakes it if it sleeps.
/// @returns false if it did not say `waiting` any more
inline bool give_answer(Operation& operation, std::atomic<std::uint32_t>& word, std::uint32_t waiting,
                        std::uint32_t answer) {
    std::uint32_t seen = waiting;
    operation.owes(word);
    while (!word.compare_exchange_weak(seen, answer) && (seen & ~asleep_bit) == waiting) {
    }
    const bool given = (seen & ~asleep_bit) == waiting;
    PROCESSION_KILL_POINT("answer.given");
    if (given && seen & asleep_bit) os::futex_wake(word, 1);
    operation.settled();
    return given;
}

/// Waits until this thread's own word says something else than `waiting`. `look()` is called when nothing
/// came for a while: those that are to answer may be dead.
template <class Look>
Waited wait_for_answer(std::atomic<std::uint32_t>& word, std::uint32_t waiting, Look look,
                       const os::Deadline& deadline, const std::stop_token& stop) {
    for (int i = 0; i < os::spin_limit() && is_unanswered(word, waiting); ++i) os::pause();
    const os::StopWord stop_word(stop);
    while (is_unanswered(word, waiting)) {
        if (stop.stop_requested()) return Waited::stopped;
        if (deadline.expired()) return Waited::timed_out;
        std::uint32_t awake = waiting;
        if (!word.compare_exchange_strong(awake, waiting | asleep_bit)) break;
        PROCESSION_KILL_POINT("wait.before_sleep");
        const std::chrono::milliseconds patience(os::waits_for_several() ? 250 : 10);
        const os::Wake wake = os::futex_wait_any({{word, waiting | asleep_bit}, stop_word.no_request()},
                                                 deadline.sooner(patience));
        word.fetch_and(~asleep_bit);
        PROCESSION_KILL_POINT("wait.after_sleep");
        if (wake == os::Wake::timed_out) look();
    }
    return Waited::ready;
}

}  // namespace procession::inline v0::heap
