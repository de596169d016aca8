// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Events behind a manager's server.

#include <procession/detail/typed_proxy.hpp>
#include <procession/timeout.hpp>

#include <stop_token>
#include <utility>

namespace procession::inline v0 {

/// A flag behind a manager's server, that any process may set and clear, and wait for.
///
/// A handle: a copy is the same event, and it may be passed to processes, sent in messages and stored in
/// other proxies.
/// @throws  every member: EndOfFile  the server is gone; CancelledError  it was shut down meanwhile
/// @par Thread safety   safe on a shared object @par Process safety  safe
/// @see Event @see Python: multiprocessing.managers.EventProxy
class PROCESSION_API EventProxy : public detail::TypedProxy {
  public:
    using TypedProxy::TypedProxy;

    /// Whether it is set at this moment.
    bool is_set() const;
    /// Sets it, and wakes all who wait.
    void set() const;
    /// From now on waits wait again.
    void clear() const;
    /// Waits until it is set.
    /// @returns true; false when the time ran out
    /// @throws CancelledError  a stop was requested
    /// @par Blocking  up to the timeout, which the server measures
    bool wait() const { return wait_within({}, {}); }
    bool wait(Timeout timeout) const { return wait_within(timeout, {}); }
    bool wait(std::stop_token stop) const { return wait_within({}, stop); }
    bool wait(Timeout timeout, std::stop_token stop) const { return wait_within(timeout, stop); }

  private:
    bool wait_within(Timeout, const std::stop_token&) const;
};

}  // namespace procession::inline v0
