// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// How methods and constructors of one's own classes are registered with a manager.

#include <procession/detail/managed_method.hpp>
#include <procession/detail/managed_type.hpp>

#include <string>
#include <utility>

namespace procession::inline v0 {

/// A method that a manager's clients may call: `mp::method<&Maths::add>("add")`.
///
/// Arguments and results go as Python's values. A method whose first parameter is a std::stop_token gets the
/// caller's: a stop is requested when that cancels its call or is gone. One that is called `__next__` and
/// returns a std::optional makes the object an iterator for Python: no value is its end; `__str__` says how
/// it is printed. Several threads may call methods of one object at once: each client's is one of the server's.
/// @tparam Member  a member function, or a function whose first parameter is a reference to the object
/// @param name     what it is called, by `call<&Maths::add>(...)` here and by its name in Python
template <auto Member>
detail::ValueMethod<Member> method(std::string name) {
    return {std::move(name)};
}
/// The same of a method that makes objects, as values or by std::shared_ptr or std::unique_ptr: the server
/// keeps them, and the caller gets a proxy: `call<&Maths::table, mp::Proxy<Table>>()`.
/// @param result_type  the name that their class is registered by
/// @see Python: method_to_typeid of BaseManager.register
template <auto Member>
detail::MakingMethod<Member> method(std::string name, std::string result_type) {
    return {std::move(name), std::move(result_type)};
}

/// Says what arguments create() takes for a class: `mp::constructor<int, std::string>()`. Of several that are
/// registered, the one with as many as are given is called; without any, it is the default constructor.
template <class... A>
detail::Constructor<A...> constructor() {
    return {};
}

}  // namespace procession::inline v0
