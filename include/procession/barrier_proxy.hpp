// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Barriers behind a manager's server.

#include <procession/detail/typed_proxy.hpp>
#include <procession/timeout.hpp>

#include <stop_token>
#include <utility>

namespace procession::inline v0 {

/// Lets a number of parties, on any machines, go on only once all of them have come; again and again.
///
/// A handle: a copy is the same barrier, and it may be passed to processes, sent in messages and stored in
/// other proxies.
/// @throws  every member: EndOfFile  the server is gone; CancelledError  it was shut down meanwhile
/// @par Thread safety   safe on a shared object @par Process safety  safe
/// @see Barrier @see Python: multiprocessing.managers.BarrierProxy
class PROCESSION_API BarrierProxy : public detail::TypedProxy {
  public:
    using TypedProxy::TypedProxy;

    /// Waits for the others. Whoever gives up, because its time runs out or a stop is requested, breaks the
    /// barrier for all.
    /// @param timeout  forever: the barrier's own limit
    /// @returns as the how-manieth this party came, 0 to parties - 1; each comes once in a cycle. (Of Python's
    ///          server: some order.)
    /// @throws BrokenBarrierError  it is broken, or was broken or reset meanwhile, or the time ran out
    /// @throws CancelledError      a stop was requested
    /// @par Blocking  up to the timeout, which the server measures
    int wait(Timeout timeout = forever) const { return wait_within(timeout, {}); }
    int wait(std::stop_token stop) const { return wait_within({}, stop); }
    int wait(Timeout timeout, std::stop_token stop) const { return wait_within(timeout, stop); }

    /// Begins anew: who waits gets BrokenBarrierError.
    void reset() const;
    /// Breaks it.
    void abort() const;

    /// How many it waits for.
    int parties() const;
    /// How many wait: a look, which may be past when it returns.
    int n_waiting() const;
    bool broken() const;

  private:
    int wait_within(Timeout, const std::stop_token&) const;
};

}  // namespace procession::inline v0
