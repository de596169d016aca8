// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Conditions behind a manager's server.

#include <procession/lock_proxy.hpp>

#include <concepts>
#include <functional>

namespace procession::inline v0 {

/// A lock, and a place to wait for a change of what it guards, behind a manager's server.
///
/// A handle: a copy is the same condition, and it may be passed to processes, sent in messages and stored in
/// other proxies. The lock is held by a thread.
/// @throws  every member: EndOfFile  the server is gone; CancelledError  it was shut down meanwhile
/// @par Thread safety   safe on a shared object @par Process safety  safe
/// @par Blocking  up to the timeout, which the server measures, and then until the lock is free
/// @see Condition @see Python: multiprocessing.managers.ConditionProxy
class PROCESSION_API ConditionProxy : public detail::LockProxyCore {
  public:
    using LockProxyCore::LockProxyCore;

    /// Waits, with the lock given up, until it is notified.
    /// @returns true; false when the time ran out. The lock is held again
    /// @throws StateError      this thread does not hold the lock (of Python's server: std::runtime_error)
    /// @throws CancelledError  a stop was requested; the lock is held again
    /// @throws OwnerDied       who had the lock meanwhile died holding it: now nobody has it, see recover()
    bool wait() const { return wait_within({}, {}); }
    [[nodiscard]] bool wait(Timeout timeout) const { return wait_within(timeout, {}); }
    bool wait(std::stop_token stop) const { return wait_within({}, stop); }
    [[nodiscard]] bool wait(Timeout timeout, std::stop_token stop) const {
        return wait_within(timeout, stop);
    }

    /// Waits until the predicate is true, which is looked at here with the lock held: at first and after each
    /// notification.
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

    /// Ends the waits of up to `n` that have waited longest. They go on once the lock is free.
    /// @throws StateError  this thread does not hold the lock (of Python's server: std::runtime_error)
    void notify(int n = 1) const;
    void notify_all() const;

  private:
    bool wait_within(Timeout, const std::stop_token&) const;
    bool wait_until_true(const std::function<bool()>&, Timeout, const std::stop_token&) const;
};

}  // namespace procession::inline v0
