// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Values and arrays behind a manager's server.

#include <procession/detail/proxy_call.hpp>
#include <procession/detail/proxy_reference.hpp>
#include <procession/detail/snapshot.hpp>
#include <procession/detail/typed_proxy.hpp>

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace procession::inline v0 {

/// A value behind a manager's server: `x.value() = 3.14`, `double y = x.value()`.
///
/// A handle: a copy is the same value, and it may be passed to processes, sent in messages and stored in
/// other proxies. It has no lock: `x.value() += 1` is two calls, between which another process may set it.
/// @throws  every member: TypeMismatch, ValueError  what is there is no T; EndOfFile  the server is gone;
///          CancelledError  it was shut down meanwhile
/// @par Thread safety   safe on a shared object @par Process safety  safe
/// @see Python: multiprocessing.managers.ValueProxy
template <class T>
class ValueProxy : public detail::TypedProxy {
  public:
    using value_type = T;
    using Reference = detail::ProxyReference<T, detail::ValuePlace>;

    using TypedProxy::TypedProxy;

    /// A copy of it.
    [[nodiscard]] T get() const { return detail::call_method<T>(*this, "get"); }
    /// Replaces it.
    void set(detail::Passed<T> value) const { detail::call_method<void>(*this, "set", value); }
    /// The value itself, to be read, written or both. It cannot be kept.
    Reference value() const { return Reference(detail::ValuePlace(*this)); }
};

/// A fixed number of values behind a manager's server.
///
/// Each member is one call. An index below zero counts from the end: -1 is the last. A handle: a copy is the
/// same array, and it may be passed to processes, sent in messages and stored in other proxies. It is
/// iterated over as it was when the iteration began.
/// @throws  every member: IndexError  there is no such element; TypeMismatch, ValueError  what is there is no
///          T; EndOfFile  the server is gone; CancelledError  it was shut down meanwhile
/// @par Thread safety   safe on a shared object @par Process safety  safe
/// @see Python: multiprocessing.managers.ArrayProxy
template <class T>
class ArrayProxy : public detail::TypedProxy {
  public:
    using value_type = T;
    using const_iterator = detail::SnapshotIterator<T>;
    using iterator = const_iterator;
    using Reference = detail::ProxyReference<T, detail::ItemPlace>;

    using TypedProxy::TypedProxy;

    /// An element, to be read (`T x = a[i]`), written (`a[i] = x`) or both (`a[i] += 1`: two calls). It cannot
    /// be kept.
    Reference operator[](std::ptrdiff_t index) const { return Reference({*this, index}); }
    /// A copy of an element.
    [[nodiscard]] T get(std::ptrdiff_t index) const {
        return detail::call_method<T>(*this, "__getitem__", index);
    }
    /// Replaces an element.
    void set(std::ptrdiff_t index, T element) const {
        detail::call_method<void>(*this, "__setitem__", index, element);
    }
    std::size_t size() const { return detail::call_method<std::size_t>(*this, "__len__"); }
    bool empty() const { return size() == 0; }

    /// A copy of all elements.
    std::vector<T> copy() const { return slice(0); }
    /// A copy of the elements from one place up to another, without that: `a.slice(2, 5)`, `a.slice(-3)`.
    std::vector<T> slice(std::ptrdiff_t from, std::optional<std::ptrdiff_t> to = {}) const {
        return detail::from_object<std::vector<T>>(call("__getitem__", {detail::slice(from, to)}),
                                                   detail::Place("__getitem__"));
    }
    const_iterator begin() const { return const_iterator(copy()); }
    const_iterator end() const { return {}; }
};

}  // namespace procession::inline v0
