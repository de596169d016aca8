// SPDX-License-Identifier: Apache-2.0
#include "managers/namespace.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <procession/error.hpp>

#include <algorithm>

namespace procession::inline v0::managers {
namespace {

/// Of an attribute.
const Object& name_of(const Arguments& arguments) {
    const Object& name = arguments.at(0, "");
    if (!name.is_str())
        throw TypeMismatch(fmt::format("attribute name must be string, not '{}'", name.type()));
    return name;
}

[[noreturn]] void throw_no_such_attribute(const Object& name) {
    throw AttributeError(fmt::format("'Namespace' object has no attribute '{}'", name.text()));
}

}  // namespace

std::span<const Method<Namespace>> Namespace::methods() {
    static constexpr Method<Namespace> all[] = {
        {"__getattribute__", &Namespace::get},
        {"__setattr__", &Namespace::set},
        {"__delattr__", &Namespace::erase},
    };
    return all;
}

std::shared_ptr<Referent> Namespace::make(const Arguments& arguments) {
    if (arguments.size() != 0)
        throw TypeMismatch(fmt::format("{}() takes 0 positional arguments but {} were given",
                                       arguments.method(), arguments.size()));
    auto made = std::make_shared<Namespace>();
    if (!arguments.keywords().is_none())
        for (const auto& [name, value] : arguments.keywords().items()) {
            if (!name.is_str()) throw TypeMismatch("keywords must be strings");
            made->attributes_.set(name, value);
        }
    return made;
}

Object Namespace::value() const {
    Object attributes = Object::dict();
    const std::lock_guard lock(mutex_);
    for (const auto& [name, value] : attributes_.items()) attributes.set(name, value);
    return Object::instance("multiprocessing.managers", "Namespace", Object::tuple(),
                            std::move(attributes));
}

std::string Namespace::to_string() const {
    const Object instance = value();
    std::vector<std::string> shown;
    for (const auto& [name, value] : instance.state().items())
        if (!name.text().starts_with('_'))
            shown.push_back(fmt::format("{}={}", name.text(), value.to_string()));
    std::ranges::sort(shown);
    return fmt::format("Namespace({})", fmt::join(shown, ", "));
}

Result Namespace::get(const Arguments& arguments, const Caller&) {
    arguments.require(1, {""});
    const Object& name = name_of(arguments);
    {
        const std::lock_guard lock(mutex_);
        if (const Object* const found = attributes_.find(name)) return *found;
    }
    throw_no_such_attribute(name);
}

Result Namespace::set(const Arguments& arguments, const Caller&) {
    arguments.require(2, {"", ""});
    const Object& name = name_of(arguments);
    std::optional<Object> dropped;
    const std::lock_guard lock(mutex_);
    dropped = attributes_.set(name, arguments.at(1, ""));
    return {};
}

Result Namespace::erase(const Arguments& arguments, const Caller&) {
    arguments.require(1, {""});
    const Object& name = name_of(arguments);
    std::optional<ItemTable::Item> dropped;
    {
        const std::lock_guard lock(mutex_);
        dropped = attributes_.take(name);
    }
    if (!dropped) throw_no_such_attribute(name);
    return {};
}

}  // namespace procession::inline v0::managers
