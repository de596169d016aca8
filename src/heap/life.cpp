// SPDX-License-Identifier: Apache-2.0
#include "heap/life.hpp"

#include <linux/futex.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "os/futex.hpp"
#include "os/kill_point.hpp"

namespace procession::inline v0::heap {
namespace {

// What the kernel flags: thread id, FUTEX_WAITERS, FUTEX_OWNER_DIED.
std::atomic<std::uint32_t>& word_of(Slot& slot) {
    return reinterpret_cast<std::atomic<std::uint32_t>&>(slot.life.__data.__lock);
}

bool is_flagged(const std::atomic<std::uint32_t>& life) {
    return life.load(std::memory_order_relaxed) & FUTEX_OWNER_DIED;
}

// The kernel wakes nobody unless the word says that somebody waits.
bool ask_for_wake(std::atomic<std::uint32_t>& life, std::uint32_t& seen) {
    if (seen & FUTEX_WAITERS) return true;
    if (!life.compare_exchange_strong(seen, seen | FUTEX_WAITERS)) return false;
    seen |= FUTEX_WAITERS;
    return true;
}

}  // namespace

void begin_life(Slot& slot) {
    pthread_mutexattr_t attributes;
    ::pthread_mutexattr_init(&attributes);
    ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    ::pthread_mutex_init(&slot.life, &attributes);
    static_cast<void>(::pthread_mutex_trylock(&slot.life));
}

bool end_life(Slot& slot) {
    const auto self = static_cast<std::uint32_t>(::gettid());
    return (word_of(slot).load() & FUTEX_TID_MASK) == self && ::pthread_mutex_unlock(&slot.life) == 0;
}

void renew_life(Slot& slot) {
    if (is_flagged(word_of(slot)) && ::pthread_mutex_trylock(&slot.life) == EOWNERDEAD)
        ::pthread_mutex_consistent(&slot.life);
}

bool life_is_in_doubt(Slot& slot) {
    const std::uint32_t life = word_of(slot).load(std::memory_order_relaxed);
    return (life & FUTEX_TID_MASK) == 0 || life & FUTEX_OWNER_DIED;
}

bool OwnedWordSleep::operator()(std::atomic<std::uint32_t>& word, std::uint32_t expected, Slot& owner,
                                const os::Deadline& deadline) {
    std::atomic<std::uint32_t>& life = word_of(owner);
    std::uint32_t alive = life.load();
    if ((alive & FUTEX_TID_MASK) == 0) {
        // On its way out, or its thread ended: nobody will say when the record lock is gone.
        os::futex_wait_any({{word, expected}, stop_.no_request()}, deadline.sooner(next_look_));
        next_look_ = std::min<std::chrono::microseconds>(2 * next_look_, std::chrono::milliseconds(10));
        return true;
    }
    if (!ask_for_wake(life, alive)) return false;
    PROCESSION_KILL_POINT("life.wake_asked_for");
    const os::Wake wake = os::futex_wait_any({{word, expected}, {life, alive}, stop_.no_request()},
                                             deadline.sooner(patience_));
    // The second line, for one that was woken in our place and died or is stopped. Where the kernel
    // can't wait for several words it is the first, and comes often.
    if (os::waits_for_several()) patience_ = std::min(2 * patience_, std::chrono::milliseconds(250));
    if (!is_flagged(life)) return wake == os::Wake::timed_out;
    // The kernel wakes one only, and that was perhaps not for this word.
    PROCESSION_KILL_POINT("life.flag_seen");
    os::futex_wake(life, INT_MAX);
    return true;
}

}  // namespace procession::inline v0::heap
