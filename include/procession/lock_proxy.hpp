// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Locks and semaphores behind a manager's server.

#include <procession/detail/typed_proxy.hpp>
#include <procession/lock.hpp>
#include <procession/timeout.hpp>

#include <stop_token>
#include <utility>

namespace procession::inline v0 {
namespace detail {

/// What proxies of locks and semaphores have in common. How they are taken is as Acquirable has it.
/// @par Blocking  up to the timeout, which the server measures
class PROCESSION_API AcquirerProxy : public TypedProxy, public Acquirable<AcquirerProxy> {
  public:
    using TypedProxy::TypedProxy;

    /// As acquire(), and as try_acquire().
    void lock() const;
    [[nodiscard]] bool try_lock() const;
    /// As release(); an error is logged.
    void unlock() const noexcept;
    /// Gives it up.
    /// @throws StateError  it is not held, or of an RLock by another thread (of Python's server:
    ///                     std::runtime_error)
    void release() const;

  private:
    friend Acquirable;
    bool acquire_within(Timeout, const std::stop_token&) const;
};

/// What proxies of locks have more.
class PROCESSION_API LockProxyCore : public AcquirerProxy {
  public:
    using AcquirerProxy::AcquirerProxy;
    /// Takes over a lock whose holder's process is gone.
    /// @throws StateError   its holder lives, or it is free
    /// @throws RemoteError  the server is Python's, whose locks stay held
    void recover() const;
};

}  // namespace detail

/// A lock behind a manager's server, that any thread of any process may take, also on other machines.
///
/// It is a C++ TimedLockable as well: `std::scoped_lock guard(lock);`. If the process that holds it is gone,
/// those who wait and the next who tries to take it get OwnerDied, until one calls recover() or release();
/// of a server that is Python's it stays held. A handle: a copy is the same lock, and it may be passed to
/// processes, sent in messages and stored in other proxies.
/// @throws  every member: EndOfFile  the server is gone; CancelledError  it was shut down meanwhile
/// @par Thread safety   safe on a shared object @par Process safety  safe
/// @see Lock @see Python: multiprocessing.managers.AcquirerProxy
class PROCESSION_API LockProxy : public detail::LockProxyCore {
  public:
    using LockProxyCore::LockProxyCore;
};

/// The same of a lock that the thread which holds it may take again; it is free when that released it as
/// often. @see RLock
class PROCESSION_API RLockProxy : public detail::LockProxyCore {
  public:
    using LockProxyCore::LockProxyCore;
};

/// A semaphore behind a manager's server. All else is as of LockProxy. @see Semaphore
class PROCESSION_API SemaphoreProxy : public detail::AcquirerProxy {
  public:
    using AcquirerProxy::AcquirerProxy;

    /// C++'s names (std::counting_semaphore).
    template <class Rep, class Period>
    [[nodiscard]] bool try_acquire_for(const std::chrono::duration<Rep, Period>& limit) const {
        return try_lock_for(limit);
    }
    template <class Clock, class Duration>
    [[nodiscard]] bool try_acquire_until(const std::chrono::time_point<Clock, Duration>& point) const {
        return try_lock_until(point);
    }
    /// Adds permits. @throws ValueError  n is below 1
    void release(int n = 1) const;
    /// How many permits are free at this moment.
    /// @throws RemoteError  the server is Python's, which does not say it
    int get_value() const;
};

/// A semaphore that guards a capacity: releasing more than was acquired is a ValueError, and the permits of
/// a client that is gone come back (of a server that is Python's they do not). @see BoundedSemaphore
class PROCESSION_API BoundedSemaphoreProxy : public SemaphoreProxy {
  public:
    using SemaphoreProxy::SemaphoreProxy;
};

}  // namespace procession::inline v0
