// SPDX-License-Identifier: Apache-2.0
#include "managers/managed_semaphore.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include <algorithm>
#include <limits>

namespace procession::inline v0::managers {
namespace {

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

template <class T>
constexpr Method<T> semaphore_methods[] = {
    {"acquire", &T::acquire},
    {"release", &T::release},
    {"locked", &T::locked},
    {"get_value", &T::get_value},
};

// @returns what is left of `count`
std::int64_t take_off(std::int64_t& held, std::int64_t count) {
    const std::int64_t taken = std::min(held, count);
    held -= taken;
    return count - taken;
}

}  // namespace

std::shared_ptr<Referent> ManagedSemaphore::make(const Arguments& arguments) {
    return std::make_shared<ManagedSemaphore>(arguments);
}
std::span<const Method<ManagedSemaphore>> ManagedSemaphore::methods() {
    return semaphore_methods<ManagedSemaphore>;
}

std::shared_ptr<Referent> ManagedBoundedSemaphore::make(const Arguments& arguments) {
    return std::make_shared<ManagedBoundedSemaphore>(arguments);
}
std::span<const Method<ManagedBoundedSemaphore>> ManagedBoundedSemaphore::methods() {
    return semaphore_methods<ManagedBoundedSemaphore>;
}

SemaphoreReferent::SemaphoreReferent(Kind kind, std::int64_t value)
    : kind_(kind), initial_(value), value_(value) {
    if (value < 0)
        throw ValueError(
            fmt::format("{}({}): a semaphore begins with 0 permits or more", name(), value));
}

std::int64_t SemaphoreReferent::initial_value(const Arguments& arguments) {
    arguments.require(0, {"value"});
    return arguments.integer_or(0, "value", 1);
}

Result SemaphoreReferent::acquire(const Arguments& arguments, const Caller& caller) {
    const os::Deadline deadline = acquire_deadline(arguments);
    auto lock = monitor_.lock();
    const os::Waited waited =
        monitor_.wait_for_turn(lock, deadline, caller.stop, [this] { return value_ > 0; });
    throw_if_stopped(waited, name());
    if (waited == os::Waited::timed_out) return Object(false);
    ++held_[caller.client];
    --value_;
    // One wakes the next.
    if (value_ > 0) monitor_.notify_one();
    return Object(true);
}

Result SemaphoreReferent::release(const Arguments& arguments, const Caller& caller) {
    arguments.require(0, {"n"});
    const std::int64_t count = arguments.integer_or(0, "n", 1);
    if (count < 1)
        throw ValueError(fmt::format("{}::release({}): at least 1 permit is released", name(), count));
    const auto lock = monitor_.lock();
    if (count > (kind_ == Kind::bounded ? initial_ : most) - value_)
        throw ValueError(fmt::format(
            "{}(value={})::release({}): more permits would be free than {}. Release only what was "
            "acquired.",
            name(), value_, count,
            kind_ == Kind::bounded ? fmt::format("the {} that there are", initial_) : "can be counted"));
    take_back(caller, count);
    value_ += count;
    monitor_.notify_one();
    return {};
}

// The caller's own first, then those of clients that are gone, then any other's. What is left was added.
void SemaphoreReferent::take_back(const Caller& caller, std::int64_t count) {
    const auto take_from = [&](auto holding) {
        count = take_off(holding->second, count);
        return holding->second == 0 ? held_.erase(holding) : std::next(holding);
    };
    if (const auto own = held_.find(caller.client); own != held_.end()) take_from(own);
    count = take_off(left_, count);
    for (auto each = held_.begin(); count > 0 && each != held_.end();) each = take_from(each);
}

Result SemaphoreReferent::locked(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    const auto lock = monitor_.lock();
    return Object(value_ == 0);
}

Result SemaphoreReferent::get_value(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    const auto lock = monitor_.lock();
    return Object(value_);
}

void SemaphoreReferent::depart(const Caller& caller, Departure departure) {
    const auto lock = monitor_.lock();
    const auto holding = held_.extract(caller.client);
    if (!holding) return;
    const std::int64_t room =
        departure == Departure::died ? std::max<std::int64_t>(initial_ - value_, 0) : 0;
    const std::int64_t freed = std::min(holding.mapped(), room);
    value_ += freed;
    left_ += holding.mapped() - freed;
    if (freed > 0) monitor_.notify_one();
}

std::string SemaphoreReferent::to_string() const {
    const auto lock = monitor_.lock();
    return kind_ == Kind::bounded
               ? fmt::format("<BoundedSemaphore(value={}, maxvalue={})>", value_, initial_)
               : fmt::format("<Semaphore(value={})>", value_);
}

}  // namespace procession::inline v0::managers
