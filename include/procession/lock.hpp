// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Locks between processes that tell the truth about a holder that died.

#include <procession/detail/printing.hpp>
#include <procession/timeout.hpp>

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>

namespace procession::inline v0 {
namespace detail {

/// How everything that is a lock is taken: Python's names and C++'s (TimedLockable), for std::unique_lock
/// and its kin. `Derived` has acquire_within(Timeout, std::stop_token) and try_lock().
template <class Derived>
class Acquirable {
  public:
    /// Takes it, waiting as long as it is held.
    /// @returns true; false when the time ran out
    /// @throws OwnerDied       its holder is gone; the lock is not taken
    /// @throws CancelledError  a stop was requested
    bool acquire() const { return within({}, {}); }
    [[nodiscard]] bool acquire(Timeout timeout) const { return within(timeout, {}); }
    bool acquire(std::stop_token stop) const { return within({}, stop); }
    [[nodiscard]] bool acquire(Timeout timeout, std::stop_token stop) const {
        return within(timeout, stop);
    }
    /// Takes it if it is free. @returns whether it was @throws OwnerDied its holder is gone
    [[nodiscard]] bool try_acquire() const { return derived().try_lock(); }

    template <class Rep, class Period>
    [[nodiscard]] bool try_lock_for(const std::chrono::duration<Rep, Period>& limit) const {
        return within(limit, {});
    }
    template <class Clock, class Duration>
    [[nodiscard]] bool try_lock_until(const std::chrono::time_point<Clock, Duration>& point) const {
        return attempt_until(point, [this](Timeout limit) { return within(limit, {}); });
    }

  private:
    const Derived& derived() const { return static_cast<const Derived&>(*this); }
    bool within(Timeout timeout, const std::stop_token& stop) const {
        return derived().acquire_within(timeout, stop);
    }
};

/// What Lock and RLock have in common, and what Value and Array lock with.
///
/// | state     | acquire         | release             | recover    | its holder dies |
/// |-----------|-----------------|---------------------|------------|-----------------|
/// | free      | held            | an error            | StateError |                 |
/// | held      | waits           | free                | StateError | abandoned       |
/// | abandoned | OwnerDied       | by anyone: free     | held       |                 |
///
/// Abandoned: the process that held it was killed, or ended, without releasing it, so what the lock
/// guards may be half-written. Whoever waits for it or tries to take it is told, until one says what is
/// to be done: recover() takes the lock over, release() frees it.
///
/// Memory order: acquire() and recover() see all that was written before the lock was last given up.
/// @par Thread safety   safe on a shared object
/// @par Process safety  safe
/// @par Blocking        up to the timeout, on the steady clock; EINTR does not end the wait
class PROCESSION_API LockCore : public Handle, public Acquirable<LockCore> {
  public:
    /// Takes over an abandoned lock: it is held by the caller then.
    /// @throws StateError  its holder lives, or it is free, or another was first to take it over
    void recover() const;

    /// As acquire(), and as try_acquire(). @throws OwnerDied
    void lock() const;
    [[nodiscard]] bool try_lock() const;

    /// As Python prints it: "<Lock(owner=Worker-1)>".
    std::string to_string() const;

  protected:
    enum class Kind : std::uint16_t { lock, rlock };
    explicit LockCore(Kind);
    LockCore(Kind, Handle);

  private:
    friend Acquirable;
    bool acquire_within(Timeout, const std::stop_token&) const;
};

}  // namespace detail

/// A lock that any thread of any process may take, one at a time, and any may release.
///
/// Not recursive: who holds it and takes it again waits for itself. A handle: a copy is the same lock,
/// and it may be passed to processes as an argument and inside messages. The states are LockCore's.
/// @see Python: multiprocessing.Lock
class PROCESSION_API Lock : public detail::LockCore {
  public:
    /// A new lock, free.
    Lock() : LockCore(Kind::lock) {}
    /// The lock that a message names.
    explicit Lock(detail::Handle handle) : LockCore(Kind::lock, std::move(handle)) {}

    /// Frees it, whoever holds it. @throws ValueError it is not held
    void release() const;
    /// As C++ has it: frees it if this process holds it. Otherwise that is logged, and the lock stays as
    /// it is, so that a guard whose lock was lost meanwhile does not free another's.
    void unlock() const noexcept;
};

/// A lock that the thread which holds it may take again; it is free when that released it as often.
///
/// A handle, as Lock is. The states are LockCore's.
/// @see Python: multiprocessing.RLock
class PROCESSION_API RLock : public detail::LockCore {
  public:
    /// A new lock, free.
    RLock() : LockCore(Kind::rlock) {}
    /// The lock that a message names.
    explicit RLock(detail::Handle handle) : LockCore(Kind::rlock, std::move(handle)) {}

    /// Gives it up once. @throws StateError  this thread does not hold it, and it is not abandoned
    void release() const;
    /// The same; where this thread does not hold it, that is logged.
    void unlock() const noexcept;
};

}  // namespace procession::inline v0
