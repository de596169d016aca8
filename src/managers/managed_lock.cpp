// SPDX-License-Identifier: Apache-2.0
#include "managers/managed_lock.hpp"

namespace procession::inline v0::managers {
namespace {

template <class T>
constexpr Method<T> lock_methods[] = {
    {"acquire", &T::acquire},
    {"release", &T::release},
    {"locked", &T::locked},
    {"recover", &T::recover},
};

}  // namespace

std::shared_ptr<Referent> ManagedLock::make(const Arguments& arguments) {
    arguments.require(0, {});
    return std::make_shared<ManagedLock>();
}
std::span<const Method<ManagedLock>> ManagedLock::methods() { return lock_methods<ManagedLock>; }

std::shared_ptr<Referent> ManagedRLock::make(const Arguments& arguments) {
    arguments.require(0, {});
    return std::make_shared<ManagedRLock>();
}
std::span<const Method<ManagedRLock>> ManagedRLock::methods() { return lock_methods<ManagedRLock>; }

Result LockReferent::acquire(const Arguments& arguments, const Caller& caller) {
    const os::Deadline deadline = acquire_deadline(arguments);
    auto guard = state_->guard();
    return Object(state_->acquire(guard, caller, deadline));
}

Result LockReferent::release(const Arguments& arguments, const Caller& caller) {
    arguments.require(0, {});
    const auto guard = state_->guard();
    state_->release(caller);
    return {};
}

Result LockReferent::locked(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    const auto guard = state_->guard();
    return Object(state_->is_held());
}

Result LockReferent::recover(const Arguments& arguments, const Caller& caller) {
    arguments.require(0, {});
    const auto guard = state_->guard();
    state_->recover(caller);
    return {};
}

std::string LockReferent::to_string() const {
    const auto guard = state_->guard();
    return state_->to_string();
}

void LockReferent::depart(const Caller& caller, Departure departure) {
    const auto guard = state_->guard();
    state_->depart(caller, departure);
}

}  // namespace procession::inline v0::managers
