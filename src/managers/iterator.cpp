// SPDX-License-Identifier: Apache-2.0
#include "managers/iterator.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include <utility>

#include "managers/exceptions.hpp"

namespace procession::inline v0::managers {
namespace {

/// What Python's raise makes of a class, an instance of it, or a class and its argument.
Object raised(const Object& type, const Object* value) {
    if (type.is_exception()) return type;
    if (value && value->is_exception()) return *value;
    if (!type.is_global())
        throw TypeMismatch(fmt::format(
            "exceptions must be classes or instances deriving from BaseException, not {}", type.type()));
    return Object::exception(std::string(type.module()), std::string(type.qualname()),
                             value && !value->is_none() ? Object::tuple({*value}) : Object::tuple());
}

}  // namespace

std::span<const Method<Iterator>> Iterator::methods() {
    static constexpr Method<Iterator> all[] = {
        {"__next__", &Iterator::next},
        {"send", &Iterator::send},
        {"throw", &Iterator::throw_there},
        {"close", &Iterator::close},
    };
    return all;
}

Iterator::Iterator(std::string python_type, Next next)
    : python_type_(std::move(python_type)), next_(std::move(next)) {}

Result Iterator::result(std::string python_type, Next next) {
    return {std::make_shared<Iterator>(std::move(python_type), std::move(next)), std::string(type)};
}

Object Iterator::value() const {
    throw TypeMismatch(fmt::format("cannot pickle '{}' object", python_type_));
}

std::string Iterator::to_string() const {
    return fmt::format("<{} object at {}>", python_type_, fmt::ptr(this));
}

Object Iterator::advance() {
    // What it goes through may end with it, which is to be outside of the lock.
    Next ended;
    const std::lock_guard lock(mutex_);
    if (!next_) throw_stop_iteration();
    std::optional<Object> element = next_();
    if (!element) {
        ended = std::exchange(next_, {});
        throw_stop_iteration();
    }
    return *std::move(element);
}

Iterator::Next Iterator::end() {
    const std::lock_guard lock(mutex_);
    return std::exchange(next_, {});
}

Result Iterator::next(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    return advance();
}

Result Iterator::send(const Arguments& arguments, const Caller&) {
    arguments.require(1, {""});
    if (!arguments.at(0, "").is_none())
        throw TypeMismatch(fmt::format("can't send non-None value to a {}", python_type_));
    return advance();
}

Result Iterator::throw_there(const Arguments& arguments, const Caller&) {
    arguments.require(1, {"", "", ""});
    const Object exception = raised(arguments.at(0, ""), arguments.find(1, ""));
    end();
    throw_given(exception);
}

Result Iterator::close(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    end();
    return {};
}

}  // namespace procession::inline v0::managers
