// SPDX-License-Identifier: Apache-2.0
#include "managers/managed_event.hpp"

#include <fmt/format.h>

namespace procession::inline v0::managers {

std::shared_ptr<Referent> ManagedEvent::make(const Arguments& arguments) {
    arguments.require(0, {});
    return std::make_shared<ManagedEvent>();
}

std::span<const Method<ManagedEvent>> ManagedEvent::methods() {
    static constexpr Method<ManagedEvent> all[] = {
        {"is_set", &ManagedEvent::is_set},
        {"set", &ManagedEvent::set},
        {"clear", &ManagedEvent::clear},
        {"wait", &ManagedEvent::wait},
    };
    return all;
}

Result ManagedEvent::is_set(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    const auto lock = monitor_.lock();
    return Object(is_set_);
}

Result ManagedEvent::set(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    const auto lock = monitor_.lock();
    is_set_ = true;
    ++times_set_;
    monitor_.notify_all();
    return {};
}

Result ManagedEvent::clear(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    const auto lock = monitor_.lock();
    is_set_ = false;
    return {};
}

Result ManagedEvent::wait(const Arguments& arguments, const Caller& caller) {
    arguments.require(0, {"timeout"});
    const os::Deadline deadline = arguments.deadline(0, "timeout");
    auto lock = monitor_.lock();
    const os::Waited waited = monitor_.wait(lock, deadline, caller.stop, [this, before = times_set_] {
        return is_set_ || times_set_ != before;
    });
    throw_if_stopped(waited, "Event");
    return Object(waited == os::Waited::ready);
}

std::string ManagedEvent::to_string() const {
    const auto lock = monitor_.lock();
    return fmt::format("<Event at {} {}>", fmt::ptr(this), is_set_ ? "set" : "unset");
}

}  // namespace procession::inline v0::managers
