// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Semaphores between processes: signals, and limits that survive whoever is killed within them.

#include <procession/detail/printing.hpp>
#include <procession/timeout.hpp>

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>

namespace procession::inline v0 {

/// What becomes of the permits of a process that was killed while it held some.
enum class Permits {
    stay,      ///< they stay taken: right for a signal, where who acquires is not who releases
    come_back  ///< they are free again: right for a limit, where each releases what it acquired
};

namespace detail {
/// A count with Permits::stay, one with Permits::come_back, and a BoundedSemaphore.
enum class SemaphoreKind : std::uint32_t { signal, limit, bounded };
}  // namespace detail

/// A count of permits: acquire() takes one, waiting while there is none, and release() adds some.
///
/// | permits free | acquire         | release(n)   |
/// |--------------|-----------------|--------------|
/// | none         | waits           | n are free   |
/// | k            | k - 1 are free  | k + n        |
///
/// Any process may release, whoever acquired. With Permits::stay it is a mere count, so the textbook's
/// buffer of two semaphores never overflows, whoever is killed. With Permits::come_back it is known
/// which process holds how many, and those of a killed one are free again once its death is noticed: by
/// its parent or the fork server, or by who waits here, within 250 ms. That never makes more free than
/// there were at first. What a process still has that ends by itself stays taken, as in Python, and may
/// be released by anyone.
///
/// A handle: a copy is the same semaphore, and it may be passed to processes as an argument and inside
/// messages. It is a Lockable, so `std::scoped_lock guard(semaphore);` is Python's `with semaphore:`.
/// Its destructor releases nothing.
///
/// Memory order: who acquires a permit sees all that was written before it was released.
/// @par Thread safety   safe on a shared object
/// @par Process safety  safe
/// @par Blocking        up to the timeout, on the steady clock; EINTR does not end the wait
/// @see Python: multiprocessing.Semaphore; std::counting_semaphore
class PROCESSION_API Semaphore : public detail::Handle {
  public:
    /// A new semaphore with one permit.
    Semaphore() : Semaphore(1) {}
    /// A new semaphore. @param value  how many permits are free at first @throws ValueError  below zero
    explicit Semaphore(int value, Permits permits = Permits::stay)
        : Semaphore(
              permits == Permits::stay ? detail::SemaphoreKind::signal : detail::SemaphoreKind::limit,
              value) {}
    /// The semaphore that a message names. @throws TypeMismatch  it is no semaphore
    explicit Semaphore(detail::Handle handle);

    /// Takes a permit, waiting while there is none.
    /// @returns true; false when the time ran out
    /// @throws CancelledError  a stop was requested
    /// @throws HeapExhausted   with Permits::come_back: no memory to note the holder; none is taken
    bool acquire() const { return acquire_within({}, {}); }
    [[nodiscard]] bool acquire(Timeout timeout) const { return acquire_within(timeout, {}); }
    bool acquire(std::stop_token stop) const { return acquire_within({}, stop); }
    [[nodiscard]] bool acquire(Timeout timeout, std::stop_token stop) const {
        return acquire_within(timeout, stop);
    }
    /// Takes a permit if one is free. @returns whether one was @throws HeapExhausted  as acquire()
    [[nodiscard]] bool try_acquire() const;
    /// C++'s names (std::counting_semaphore). @throws HeapExhausted  as acquire()
    template <class Rep, class Period>
    [[nodiscard]] bool try_acquire_for(const std::chrono::duration<Rep, Period>& limit) const {
        return acquire_within(limit, {});
    }
    template <class Clock, class Duration>
    [[nodiscard]] bool try_acquire_until(const std::chrono::time_point<Clock, Duration>& point) const {
        return detail::attempt_until(point, [this](Timeout limit) { return acquire_within(limit, {}); });
    }

    /// Adds permits, and wakes as many of those that wait. Where it is known who holds them, they are
    /// this process's own first, then those of processes that ended, then any other's.
    /// @param n  how many, all at once for those who look
    /// @throws ValueError  n is below 1; more than INT_MAX would be free; or, of a BoundedSemaphore, more
    ///                     than at first. Then nothing has changed.
    void release(int n = 1) const;

    /// How many permits are free at this moment; others may be acquiring and releasing meanwhile.
    int get_value() const;

    /// C++'s names (Lockable), for std::scoped_lock and its kin. @throws HeapExhausted  as acquire()
    void lock() const { acquire(); }
    [[nodiscard]] bool try_lock() const { return try_acquire(); }
    /// As release(); an error is logged.
    void unlock() const noexcept;

    /// As Python prints it: "<Semaphore(value=2)>", "<BoundedSemaphore(value=1, maxvalue=2)>".
    std::string to_string() const;

  protected:
    Semaphore(detail::SemaphoreKind, int value);

  private:
    bool acquire_within(Timeout, const std::stop_token&) const;
};

/// A semaphore that guards a capacity: releasing more than was acquired is an error, and the permits of
/// a killed process come back.
///
/// So no permit is lost and none is there twice, whoever is killed. All else is as in Semaphore, and it
/// remains bounded where it is used as one.
/// @see Python: multiprocessing.BoundedSemaphore
class PROCESSION_API BoundedSemaphore : public Semaphore {
  public:
    /// A new semaphore with one permit.
    BoundedSemaphore() : BoundedSemaphore(1) {}
    /// A new semaphore. @param value  how many permits there are @throws ValueError  below zero
    explicit BoundedSemaphore(int value) : Semaphore(detail::SemaphoreKind::bounded, value) {}
    /// The semaphore that a message names. @throws TypeMismatch  it is not bounded
    explicit BoundedSemaphore(detail::Handle handle);
};

}  // namespace procession::inline v0
