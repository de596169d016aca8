// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// A place where processes wait for each other.

#include <procession/detail/printing.hpp>
#include <procession/function.hpp>
#include <procession/timeout.hpp>

#include <stop_token>
#include <string>

namespace procession::inline v0 {

/// Lets a number of parties go on only once all of them have come; again and again.
///
/// | state   | the last of them comes    | one gives up, abort(), a party dies | reset()                   |
/// |---------|---------------------------|-------------------------------------|---------------------------|
/// | filling | the action runs, then all go on: filling anew | broken          | filling anew              |
/// | broken  | every wait() throws at once | broken                            | filling anew              |
///
/// Whoever waits when the barrier breaks, or is reset, gets BrokenBarrierError, which says why.
///
/// A party is a process that has waited on the barrier, or that was given it as an argument of Process at
/// its start (by StartMethod::fork: among the arguments themselves, not inside others). One that is
/// killed, or ends with an exit code other than 0, breaks the barrier whether or not it waits; one that
/// ends with exit code 0 only if one of its threads waits. After reset() the dead ones are forgotten.
///
/// The action is run by the party that came last, before any goes on; if it throws, the barrier is broken
/// and the exception goes on there. It is a Function, sent to the process that runs it: each run begins
/// with the state that it was given with.
///
/// A handle: a copy is the same barrier, and it may be passed to processes as an argument and inside
/// messages. Memory order: who goes on sees all that the parties wrote before they came.
/// @par Thread safety   safe on a shared object
/// @par Process safety  safe
/// @par Blocking        up to the timeout, on the steady clock; EINTR does not end the wait
/// @see Python: multiprocessing.Barrier
class PROCESSION_API Barrier : public detail::Handle {
  public:
    /// None yet, to be assigned or received into: every use throws StateError.
    Barrier() : Handle("Barrier") {}
    /// A new barrier. `limit`: of a wait() without one of its own.
    /// @throws ValueError  `parties` is less than 1
    explicit Barrier(int parties, Function<void()> action = {}, Timeout limit = forever);
    /// The barrier that a message names.
    explicit Barrier(detail::Handle);

    /// Waits for the others. Whoever gives up, because its time runs out or a stop is requested, breaks the
    /// barrier for all; the time that the action takes counts.
    /// @param timeout  forever: the barrier's own limit
    /// @returns as the how-manieth this party came, 0 to parties - 1; each comes once in a cycle
    /// @throws BrokenBarrierError  it is broken, or was broken or reset meanwhile, or the time ran out
    /// @throws CancelledError      a stop was requested
    /// @throws  what the action throws, in the party that runs it
    int wait(Timeout timeout = forever) const { return wait_within(timeout, {}); }
    int wait(std::stop_token stop) const { return wait_within({}, stop); }
    int wait(Timeout timeout, std::stop_token stop) const { return wait_within(timeout, stop); }

    /// Begins anew: who waits gets BrokenBarrierError, and parties that died are forgotten.
    void reset() const;
    /// Breaks it.
    void abort() const;

    /// How many it waits for.
    int parties() const;
    /// How many wait: a look, which may be past when it returns.
    int n_waiting() const;
    bool broken() const;

    /// As Python prints it: "<Barrier(waiters=2/5)>", "<Barrier(broken)>".
    std::string to_string() const;

  private:
    int wait_within(Timeout, const std::stop_token&) const;
};

}  // namespace procession::inline v0
