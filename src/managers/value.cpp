// SPDX-License-Identifier: Apache-2.0
#include "managers/value.hpp"

#include <fmt/format.h>

namespace procession::inline v0::managers {

std::span<const Method<Value>> Value::methods() {
    static constexpr Method<Value> all[] = {
        {"get", &Value::get},
        {"set", &Value::set},
    };
    return all;
}

std::shared_ptr<Referent> Value::make(const Arguments& arguments) {
    arguments.require(2, {"typecode", "value", "lock"});
    return std::make_shared<Value>(arguments.at(0, "typecode"), arguments.at(1, "value"));
}

Object Value::value() const {
    return Object::instance("multiprocessing.managers", "Value", Object::tuple(),
                            Object::dict({{"_typecode", typecode_}, {"_value", current()}}));
}

std::string Value::to_string() const {
    return fmt::format("Value({}, {})", typecode_.to_string(), current().to_string());
}

Object Value::current() const {
    const std::lock_guard lock(mutex_);
    return value_;
}

Result Value::get(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    return current();
}

Result Value::set(const Arguments& arguments, const Caller&) {
    arguments.require(1, {""});
    Object dropped = arguments.at(0, "");
    const std::lock_guard lock(mutex_);
    dropped.swap(value_);
    return {};
}

}  // namespace procession::inline v0::managers
