// SPDX-License-Identifier: Apache-2.0
#include "managers/managed_condition.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include <algorithm>

#include "managers/managed_lock.hpp"

namespace procession::inline v0::managers {

std::shared_ptr<Referent> ManagedCondition::make(const Arguments& arguments) {
    arguments.require(0, {"lock"});
    const Object* const lock = arguments.find(0, "lock");
    if (lock && !lock->is_none())
        throw TypeMismatch(fmt::format(
            "Condition() argument 'lock' must be None or a Lock or RLock of this manager, not {}",
            lock->type()));
    return std::make_shared<ManagedCondition>(std::make_shared<LockState>(LockState::Kind::rlock));
}

std::shared_ptr<Referent> ManagedCondition::on(const std::shared_ptr<Referent>& lock) {
    const auto* const referent = dynamic_cast<const LockReferent*>(lock.get());
    if (!referent)
        throw TypeMismatch(
            "Condition() argument 'lock' must be None or a Lock or RLock of this manager");
    return std::make_shared<ManagedCondition>(referent->state());
}

// Whoever is gone with the lock held may have been about to notify.
ManagedCondition::ManagedCondition(std::shared_ptr<LockState> lock) : lock_(std::move(lock)) {
    const Guard guard = lock_->guard();
    listener_ =
        lock_->listeners().insert(lock_->listeners().end(), [this] { notify_oldest(waiters_.size()); });
}

ManagedCondition::~ManagedCondition() {
    const Guard guard = lock_->guard();
    lock_->listeners().erase(listener_);
}

std::span<const Method<ManagedCondition>> ManagedCondition::methods() {
    static constexpr Method<ManagedCondition> all[] = {
        {"acquire", &ManagedCondition::acquire},
        {"release", &ManagedCondition::release},
        {"locked", &ManagedCondition::locked},
        {"recover", &ManagedCondition::recover},
        {"wait", &ManagedCondition::wait},
        {"notify", &ManagedCondition::notify},
        {"notify_all", &ManagedCondition::notify_all},
    };
    return all;
}

// ---------------------------------------------------------------- the lock

Result ManagedCondition::acquire(const Arguments& arguments, const Caller& caller) {
    const os::Deadline deadline = acquire_deadline(arguments);
    Guard guard = lock_->guard();
    return Object(lock_->acquire(guard, caller, deadline));
}

Result ManagedCondition::release(const Arguments& arguments, const Caller& caller) {
    arguments.require(0, {});
    const Guard guard = lock_->guard();
    lock_->release(caller);
    return {};
}

Result ManagedCondition::locked(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    const Guard guard = lock_->guard();
    return Object(lock_->is_held());
}

Result ManagedCondition::recover(const Arguments& arguments, const Caller& caller) {
    arguments.require(0, {});
    const Guard guard = lock_->guard();
    lock_->recover(caller);
    return {};
}

void ManagedCondition::check_held(const Caller& caller, const char* method) const {
    if (lock_->is_held_by(caller)) return;
    throw StateError(fmt::format(
        "Condition::{}: this {} does not hold its lock; acquire() it first, and keep it until then",
        method, lock_->owner_kind()));
}

// ---------------------------------------------------------------- waiting and notifying

Result ManagedCondition::wait(const Arguments& arguments, const Caller& caller) {
    arguments.require(0, {"timeout"});
    const os::Deadline deadline = arguments.deadline(0, "timeout");
    Guard guard = lock_->guard();
    check_held(caller, "wait");
    Waiter waiter;
    const auto place = waiters_.insert(waiters_.end(), &waiter);
    const std::uint32_t depth = lock_->give_up();
    const os::Waited waited =
        waiter.itself.wait(guard, deadline, caller.stop, [&] { return waiter.is_notified; });
    if (!waiter.is_notified) waiters_.erase(place);
    if (!lock_->take_again(guard, caller, depth)) {
        if (waiter.is_notified) notify_oldest(1);
        throw CancelledError("Condition::wait: who waited is gone");
    }
    throw_if_stopped(waited, "Condition::wait");
    return Object(waiter.is_notified);
}

Result ManagedCondition::notify(const Arguments& arguments, const Caller& caller) {
    arguments.require(0, {"n"});
    const std::int64_t count = arguments.integer_or(0, "n", 1);
    const Guard guard = lock_->guard();
    check_held(caller, "notify");
    notify_oldest(static_cast<std::size_t>(std::max<std::int64_t>(count, 0)));
    return {};
}

Result ManagedCondition::notify_all(const Arguments& arguments, const Caller& caller) {
    arguments.require(0, {});
    const Guard guard = lock_->guard();
    check_held(caller, "notify_all");
    notify_oldest(waiters_.size());
    return {};
}

void ManagedCondition::notify_oldest(std::size_t count) {
    for (; count > 0 && !waiters_.empty(); --count) {
        Waiter& oldest = *waiters_.front();
        waiters_.pop_front();
        oldest.is_notified = true;
        oldest.itself.notify_one();
    }
}

void ManagedCondition::depart(const Caller& caller, Departure departure) {
    const Guard guard = lock_->guard();
    lock_->depart(caller, departure);
}

std::string ManagedCondition::to_string() const {
    const Guard guard = lock_->guard();
    return fmt::format("<Condition({}, {})>", lock_->to_string(), waiters_.size());
}

}  // namespace procession::inline v0::managers
