// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/printing.hpp>
#include <procession/detail/proxy_core.hpp>

#include <fmt/ranges.h>

#include <concepts>
#include <type_traits>
namespace procession::inline v0::detail {

/// How the proxies of every type are made. They print what they refer to, with fmt and to streams.
class PROCESSION_API TypedProxy : public ProxyCore {
  public:
    /// To nothing, to be assigned or received into: every use throws StateError.
    TypedProxy() = default;
    /// To what another proxy refers to, of whatever type that is.
    explicit TypedProxy(const ProxyCore& proxy) : ProxyCore(proxy) {}
    /// To what a message names.
    explicit TypedProxy(const Handle& handle) : ProxyCore(handle) {}
    /// To what an Object is a proxy of. @throws TypeMismatch  it is none
    explicit TypedProxy(const Object& proxy) : ProxyCore(proxy) {}
};

}  // namespace procession::inline v0::detail

// They print themselves, those too that can be iterated.
template <std::derived_from<procession::detail::TypedProxy> T, class Char>
struct fmt::is_range<T, Char> : std::false_type {};
