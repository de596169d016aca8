// SPDX-License-Identifier: Apache-2.0
#pragma once

// How typed proxies call: values of C++ go as Objects, and come back as values.

#include <procession/detail/object_archive.hpp>
#include <procession/detail/proxy_core.hpp>
#include <procession/timeout.hpp>

#include <array>
#include <cstddef>
#include <iterator>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace procession::inline v0::detail {

/// A proxy's form: a handle that may leave the program, by the address of its server.
namespace forms {

struct ProxyForm {
    static constexpr Kinds kinds{set_of(Kind::instance)};
    static Object write(const Place&, const ProxyCore& proxy) { return proxy.to_object(); }
    template <class T>
    static void read(const Place& place, const Object& object, T& proxy) {
        if (!object.is_instance()) throw_wanted(place, "a proxy", object);
        proxy = T(object);
    }
};
ProxyForm form_of(Here, const ProxyCore*);

}  // namespace forms

/// How a value is given to a member function: text of every spelling as it is.
template <class T>
using Passed = std::conditional_t<std::is_same_v<T, std::string>, std::string_view, const T&>;

/// Whether None is one of a T's values.
template <class T>
inline constexpr bool may_be_none = forms::kinds_of<T>().have(Object::Kind::none, false);

template <class R, class... A>
R call_method(const std::stop_token& stop, const ProxyCore& proxy, std::string_view method,
              const A&... arguments) {
    const std::array<Object, sizeof...(A)> objects{detail::to_object(arguments)...};
    const Object result = proxy.call(method, objects, stop);
    if constexpr (!std::is_void_v<R>) return from_object<R>(result, Place(method));
}
/// Calls a method.
/// @throws as ProxyCore::call(), and TypeMismatch, ValueError  the result is no R
template <class R, class... A>
R call_method(const ProxyCore& proxy, std::string_view method, const A&... arguments) {
    return call_method<R>(std::stop_token(), proxy, method, arguments...);
}

/// A list of a range's values, each as a T.
template <class T, class R>
Object list_of(R&& range) {
    std::vector<Object> elements;
    for (auto&& each : range) elements.push_back(detail::to_object<T>(static_cast<const T&>(each)));
    return make_list(std::move(elements));
}

/// Python's slice(from, to).
PROCESSION_API Object slice(std::ptrdiff_t from, std::optional<std::ptrdiff_t> to);
/// How long a call may wait, in Python's seconds.
PROCESSION_API Object seconds(std::chrono::nanoseconds limit);
/// The same; None: no limit.
PROCESSION_API Object seconds_or_none(Timeout limit);

}  // namespace procession::inline v0::detail
