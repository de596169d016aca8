// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <string_view>
#include <utility>

#include "managers/referent.hpp"
#include "wire/object_node.hpp"

namespace procession::test {

using Made = std::shared_ptr<managers::Referent>;
using Names = std::initializer_list<std::pair<Object, Object>>;

/// As a client creates it.
template <class T>
Made made(std::initializer_list<Object> positional = {}, Names names = {}) {
    const Object arguments = Object::tuple(positional), named = Object::dict(names);
    return T::make(managers::Arguments(T::type, arguments, named));
}

inline managers::Result call_with(const Made& referent, std::string_view method,
                                  std::initializer_list<Object> positional, Names names = {}) {
    const Object arguments = Object::tuple(positional), named = Object::dict(names);
    return referent->call(managers::Arguments(method, arguments, named), managers::Caller{});
}

template <class... A>
Object call(const Made& referent, std::string_view method, const A&... arguments) {
    return call_with(referent, method, {Object(arguments)...}).value;
}

/// slice(start, stop, step), as pickles have it.
inline Object slice(const Object& start, const Object& stop, const Object& step = {}) {
    return Object::instance("builtins", "slice", Object::tuple({start, stop, step}), {},
                            Object::Made::by_call);
}

/// A proxy of a managed list, as pickles have it.
inline Object list_proxy(std::string_view ident) {
    const Object token = Object::instance("multiprocessing.managers", "Token", Object::tuple(),
                                          Object::tuple({"list", "/tmp/address", ident}));
    return Object::instance("multiprocessing.managers", "RebuildProxy",
                            Object::tuple({Object::global("multiprocessing.managers", "ListProxy"),
                                           token, "pickle", Object::dict()}),
                            {}, Object::Made::by_call);
}

/// A value whose end is told, as that of one is which owns a referent. It is only to be kept.
inline Object value_that_tells(std::function<void()> ended) {
    struct Telling {
        std::function<void()> ended;
        explicit Telling(std::function<void()> told) : ended(std::move(told)) {}
        Telling(const Telling&) = default;
        Telling(Telling&& other) noexcept : ended(std::exchange(other.ended, {})) {}
        ~Telling() {
            if (ended) ended();
        }
    };
    return detail::ObjectAccess::make(Object::Kind::global, Telling(std::move(ended)));
}

}  // namespace procession::test
