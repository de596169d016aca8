// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Waiting, with a lock given up, until somebody who holds it says that something has changed.

#include <procession/lock.hpp>

#include <concepts>
#include <functional>

namespace procession::inline v0 {

/// A lock, and a place to wait for a change of what it guards.
///
/// Whoever waits gives the lock up wholly and has it again, as often as before, when the wait ends:
///
/// | a waiter is | notify()               | its time runs out | it dies                             |
/// |-------------|------------------------|-------------------|-------------------------------------|
/// | waiting     | notified, oldest first | it returns false  | it is not counted any more          |
/// | notified    | another one is         | it returns true   | the next that waits is notified     |
///
/// So a dead waiter never swallows a notification. When a process dies that holds the lock, perhaps before
/// it notified, all waits end: by OwnerDied, or in order once somebody has recovered the lock. A wait may
/// also end without need, when one that was notified was killed on its way back. So what is waited for is to
/// be looked at again, as wait_for() does.
///
/// It is a lock itself (Lockable, with the states of LockCore): that which it was made with. A handle: a
/// copy is the same condition, and it may be passed to processes as an argument and inside messages; the
/// lock comes along.
///
/// Memory order: the lock's.
/// @par Thread safety   safe on a shared object
/// @par Process safety  safe
/// @par Blocking        up to the timeout, on the steady clock, and then until the lock is free; EINTR does
///                      not end the wait
/// @see Python: multiprocessing.Condition
class PROCESSION_API Condition : public detail::Handle, public detail::Acquirable<Condition> {
  public:
    /// With an RLock of its own.
    Condition() : Condition(nullptr) {}
    /// With that lock, which others may use as well.
    explicit Condition(Lock lock) : Condition(&lock) {}
    explicit Condition(RLock lock) : Condition(&lock) {}
    /// The condition that a message names.
    explicit Condition(detail::Handle);

    /// Of the lock: as Lock and RLock have them.
    void lock() const;
    [[nodiscard]] bool try_lock() const;
    void unlock() const noexcept;
    void release() const;
    /// As the lock has it; and notifies all, as the dead one may have been about to.
    void recover() const;

    /// Waits, with the lock given up, until it is notified.
    /// @returns true; false when the time ran out. The lock is held again
    /// @throws StateError      this thread does not hold the lock
    /// @throws CancelledError  a stop was requested; the lock is held again
    /// @throws OwnerDied       who had the lock meanwhile died holding it: now nobody has it, see recover()
    bool wait() const { return wait_within({}, {}); }
    [[nodiscard]] bool wait(Timeout timeout) const { return wait_within(timeout, {}); }
    bool wait(std::stop_token stop) const { return wait_within({}, stop); }
    [[nodiscard]] bool wait(Timeout timeout, std::stop_token stop) const {
        return wait_within(timeout, stop);
    }

    /// Waits until the predicate is true, which is looked at with the lock held: at first and after each
    /// notification. (Not a duration, as in std::condition_variable.)
    /// @returns its last value
    /// @throws  as wait(), and what the predicate throws
    template <std::predicate P>
    bool wait_for(P predicate) const {
        return wait_until_true(std::ref(predicate), {}, {});
    }
    template <std::predicate P>
    [[nodiscard]] bool wait_for(P predicate, Timeout timeout) const {
        return wait_until_true(std::ref(predicate), timeout, {});
    }
    template <std::predicate P>
    bool wait_for(P predicate, std::stop_token stop) const {
        return wait_until_true(std::ref(predicate), {}, stop);
    }
    template <std::predicate P>
    [[nodiscard]] bool wait_for(P predicate, Timeout timeout, std::stop_token stop) const {
        return wait_until_true(std::ref(predicate), timeout, stop);
    }

    /// Ends the waits of up to `n` that have waited longest and live. They go on once the lock is free.
    /// @throws StateError  this thread does not hold the lock
    void notify(int n = 1) const;
    void notify_all() const;

    /// As Python prints it, with how many wait: "<Condition(<RLock(owner=None)>, 2)>".
    std::string to_string() const;

  private:
    explicit Condition(const detail::LockCore*);
    friend Acquirable;
    bool acquire_within(Timeout, const std::stop_token&) const;
    bool wait_within(Timeout, const std::stop_token&) const;
    bool wait_until_true(const std::function<bool()>&, Timeout, const std::stop_token&) const;
};

}  // namespace procession::inline v0
