// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Named values behind a manager's server.

#include <procession/detail/proxy_call.hpp>
#include <procession/detail/typed_proxy.hpp>

#include <string_view>
#include <utility>

namespace procession::inline v0 {

/// Values with names, of any type, behind a manager's server: `ns.set("x", 10)` is Python's `ns.x = 10`.
///
/// A value is a copy: one that is changed is to be set again. A handle: a copy is the same namespace, and it
/// may be passed to processes, sent in messages and stored in other proxies.
/// @throws  every member: EndOfFile  the server is gone; CancelledError  it was shut down meanwhile
/// @par Thread safety   safe on a shared object @par Process safety  safe
/// @see Python: multiprocessing.managers.Namespace
class PROCESSION_API NamespaceProxy : public detail::TypedProxy {
  public:
    using TypedProxy::TypedProxy;

    /// Gives a name a value.
    /// @throws ValueError  the name begins with an underscore: in Python such a one stays with each proxy
    template <class T>
    void set(std::string_view name, const T& value) const {
        check_shared(name);
        detail::call_method<void>(*this, "__setattr__", name, value);
    }
    /// The value of a name.
    /// @throws AttributeError            there is none
    /// @throws TypeMismatch, ValueError  it is no T
    template <class T>
    [[nodiscard]] T get(std::string_view name) const {
        return detail::from_object<T>(call("__getattribute__", {name}), detail::Place(name));
    }
    /// Whether there is such a name.
    bool has(std::string_view name) const;
    /// Takes a name away. @throws AttributeError  there is none
    void del(std::string_view name) const;

  private:
    static void check_shared(std::string_view name);
};

}  // namespace procession::inline v0
