// SPDX-License-Identifier: Apache-2.0
#include "managers/lock_state.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include "managers/synchronizer.hpp"

namespace procession::inline v0::managers {

bool LockState::is_held_by(const Caller& caller) const {
    if (!holder_ || left_) return false;
    return kind_ == Kind::rlock ? is_same_thread(*holder_, caller) : holder_->client == caller.client;
}

bool LockState::acquire(Guard& guard, const Caller& caller, const os::Deadline& deadline) {
    if (kind_ == Kind::rlock && is_held_by(caller)) {
        ++depth_;
        return true;
    }
    const os::Waited waited = wait_until_free(guard, deadline, caller.stop);
    throw_if_stopped(waited, name());
    if (waited == os::Waited::timed_out) return false;
    take(caller, 1);
    return true;
}

bool LockState::take_again(Guard& guard, const Caller& caller, std::uint32_t depth) {
    // Free or not: who is gone would only leave it abandoned.
    if (caller.gone.stop_requested() ||
        wait_until_free(guard, os::Deadline::never(), caller.gone) == os::Waited::stopped)
        return false;
    take(caller, depth);
    return true;
}

os::Waited LockState::wait_until_free(Guard& guard, const os::Deadline& deadline,
                                      const std::stop_token& stop) {
    const os::Waited waited =
        waiters_.wait_for_turn(guard, deadline, stop, [this] { return !holder_ || left_; });
    if (waited == os::Waited::ready && left_) throw_abandoned();
    return waited;
}

void LockState::throw_abandoned() const {
    throw OwnerDied(
        fmt::format("{}: its holder, {}, {} while it held it. What the lock guards may be half-written: "
                    "recover() takes it over, release() frees it.",
                    name(), describe(*holder_), describe(*left_)),
        holder_->pid, holder_->name);
}

void LockState::take(const Caller& caller, std::uint32_t depth) {
    holder_ = caller;
    holder_->stop = holder_->gone = {};
    left_.reset();
    depth_ = depth;
}

void LockState::set_free() {
    holder_.reset();
    left_.reset();
    waiters_.notify_one();
}

std::uint32_t LockState::give_up() {
    set_free();
    return depth_;
}

void LockState::release(const Caller& caller) {
    if (kind_ == Kind::lock && !holder_) throw StateError("Lock::release: it is not held");
    if (kind_ == Kind::rlock && !left_) {
        if (!is_held_by(caller))
            throw StateError(fmt::format("RLock::release: this thread does not hold it ({})",
                                         holder_ ? "another does" : "nobody does"));
        if (--depth_ != 0) return;
    }
    set_free();
}

void LockState::recover(const Caller& caller) {
    if (!left_)
        throw StateError(
            fmt::format("{}::recover: {}. Only a lock whose holder died, which acquire() tells by "
                        "OwnerDied, can be taken over, and by one process only.",
                        name(), holder_ ? "its holder lives" : "it is free"));
    take(caller, 1);
}

void LockState::depart(const Caller& caller, Departure departure) {
    if (!holder_ || left_ || holder_->client != caller.client) return;
    left_ = departure;
    waiters_.notify_all();
    for (const auto& tell : listeners_) tell();
}

std::string LockState::to_string() const {
    return fmt::format("<{}(owner={})>", name(),
                       !holder_                 ? "None"
                       : !holder_->name.empty() ? holder_->name
                                                : fmt::format("process {}", holder_->pid));
}

}  // namespace procession::inline v0::managers
