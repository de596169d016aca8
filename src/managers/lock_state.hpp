// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "managers/caller.hpp"
#include "os/monitor.hpp"

namespace procession::inline v0::managers {

/// Who holds a managed lock, and who waits for it. The states are those of detail::LockCore: what a client
/// held that is gone is abandoned, whichever way it left.
///
/// A Lock is held by a client, and anyone may release it; an RLock by a thread of it. All members but
/// guard() are called with the guard.
class LockState {
  public:
    enum class Kind { lock, rlock };
    using Guard = os::Waiters::Lock;

    explicit LockState(Kind kind) : kind_(kind) {}
    Guard guard() { return Guard(mutex_); }

    std::string_view name() const { return kind_ == Kind::rlock ? "RLock" : "Lock"; }
    /// Of what holds it, for messages: "thread" or "process".
    std::string_view owner_kind() const { return kind_ == Kind::rlock ? "thread" : "process"; }
    bool is_held() const { return holder_.has_value(); }
    bool is_held_by(const Caller& caller) const;
    /// They are called, with the guard, when it is abandoned.
    using Listeners = std::list<std::function<void()>>;
    Listeners& listeners() { return listeners_; }

    /// @returns false when the time ran out @throws OwnerDied, CancelledError
    bool acquire(Guard& guard, const Caller& caller, const os::Deadline& deadline);
    /// @throws StateError  it is not held; an RLock: not by the caller
    void release(const Caller& caller);
    /// @throws StateError  it is not abandoned
    void recover(const Caller& caller);
    void depart(const Caller& caller, Departure departure);

    /// Gives it up, however often it is held. @returns how often it was
    std::uint32_t give_up();
    /// Takes it as often as that, also if the call was cancelled. @returns false when the caller is gone
    /// @throws OwnerDied
    bool take_again(Guard& guard, const Caller& caller, std::uint32_t depth);

    std::string to_string() const;

  private:
    os::Waited wait_until_free(Guard& guard, const os::Deadline& deadline, const std::stop_token& stop);
    void take(const Caller& caller, std::uint32_t depth);
    void set_free();
    [[noreturn]] void throw_abandoned() const;

    const Kind kind_;
    std::mutex mutex_;
    os::Waiters waiters_;  ///< until it is free, or abandoned
    std::optional<Caller> holder_;
    std::uint32_t depth_ = 0;
    std::optional<Departure> left_;  ///< the holder has, so: it is abandoned
    Listeners listeners_;
};

}  // namespace procession::inline v0::managers
