// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Lists behind a manager's server.

#include <procession/detail/proxy_call.hpp>
#include <procession/detail/proxy_reference.hpp>
#include <procession/detail/snapshot.hpp>
#include <procession/detail/typed_proxy.hpp>

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace procession::inline v0 {

/// A list behind a manager's server, of Python's values: Python's processes see the same one.
///
/// Each member is one call, done before any other process's next one, unless it says otherwise. An element
/// is a copy: one that is changed is to be set again, for `l[i]` to have it. One that is itself a proxy
/// refers to what it referred to: `l[0]->append(1)`. An index below zero counts from the end: -1 is the last.
///
/// A handle: a copy is the same list, and it may be passed to processes, sent in messages and stored in
/// other proxies. It is iterated over as it was when the iteration began.
/// @tparam T  mp::Object for elements of any type
/// @throws  every member: what the server says (IndexError, ValueError, ...); TypeMismatch, ValueError  what
///          is there is no T; EndOfFile  the server is gone; CancelledError  it was shut down meanwhile
/// @par Thread safety   safe on a shared object @par Process safety  safe
/// @see Python: multiprocessing.managers.ListProxy
template <class T>
class ListProxy : public detail::TypedProxy {
    using Element = detail::Passed<T>;

  public:
    using value_type = T;
    using const_iterator = detail::SnapshotIterator<T>;
    using iterator = const_iterator;
    using Reference = detail::ProxyReference<T, detail::ItemPlace>;

    using TypedProxy::TypedProxy;

    /// An element, to be read (`T x = l[i]`), written (`l[i] = x`) or both (`l[i] += 1`: two calls). It cannot
    /// be kept. @throws IndexError  there is none, when it is used
    Reference operator[](std::ptrdiff_t index) const { return Reference({*this, index}); }
    /// An element. @throws IndexError  there is none
    [[nodiscard]] T get(std::ptrdiff_t index) const {
        return detail::call_method<T>(*this, "__getitem__", index);
    }
    /// Replaces an element. @throws IndexError  there is none
    void set(std::ptrdiff_t index, Element element) const {
        detail::call_method<void>(*this, "__setitem__", index, element);
    }
    std::size_t size() const { return detail::call_method<std::size_t>(*this, "__len__"); }
    bool empty() const { return size() == 0; }

    void append(Element element) const { detail::call_method<void>(*this, "append", element); }
    /// Appends all that a range has.
    template <class R>
    void extend(R&& elements) const {
        call("extend", {detail::list_of<T>(elements)});
    }
    void extend(std::initializer_list<T> elements) const {
        extend(std::span(elements.begin(), elements.size()));
    }
    /// Inserts it before the element at that place; at the end, or the beginning, if there is no such place.
    void insert(std::ptrdiff_t index, Element element) const {
        detail::call_method<void>(*this, "insert", index, element);
    }
    /// Removes an element and returns it. @throws IndexError  there is none
    T pop(std::ptrdiff_t index = -1) const { return detail::call_method<T>(*this, "pop", index); }
    /// Removes the first element that equals this one. @throws ValueError  there is none
    void remove(Element element) const { detail::call_method<void>(*this, "remove", element); }
    /// Removes an element by its place. @throws IndexError  there is none
    void erase(std::ptrdiff_t index) const { detail::call_method<void>(*this, "__delitem__", index); }
    void clear() const { call("__delitem__", {detail::slice(0, {})}); }

    /// Where the first element is that equals this one. @throws ValueError  there is none
    std::size_t index(Element element) const {
        return detail::call_method<std::size_t>(*this, "index", element);
    }
    /// How many equal it.
    std::size_t count(Element element) const {
        return detail::call_method<std::size_t>(*this, "count", element);
    }
    bool contains(Element element) const {
        return detail::call_method<bool>(*this, "__contains__", element);
    }

    /// Sorts it in place, as Python's sort, which is stable.
    /// @throws TypeMismatch  two elements have no order
    void sort(bool reverse = false) const {
        if (reverse)
            call("sort", {}, Object::dict({{"reverse", true}}));
        else
            call("sort");
    }
    /// Reverses it in place.
    void reverse() const { call("reverse"); }

    /// A copy of all elements.
    std::vector<T> copy() const { return slice(0); }
    /// A copy of the elements from one place up to another, without that: `l.slice(2, 5)`, `l.slice(-3)`.
    std::vector<T> slice(std::ptrdiff_t from, std::optional<std::ptrdiff_t> to = {}) const {
        return detail::from_object<std::vector<T>>(call("__getitem__", {detail::slice(from, to)}),
                                                   detail::Place("__getitem__"));
    }

    /// The same as extend().
    template <class R>
    const ListProxy& operator+=(R&& elements) const {
        extend(elements);
        return *this;
    }
    const ListProxy& operator+=(std::initializer_list<T> elements) const {
        extend(elements);
        return *this;
    }
    /// Has the elements so many times, one after the other.
    const ListProxy& operator*=(std::ptrdiff_t times) const {
        call("__imul__", {times});
        return *this;
    }
    /// A copy with more elements, or with the elements so many times.
    friend std::vector<T> operator+(const ListProxy& list, const std::vector<T>& more) {
        return detail::call_method<std::vector<T>>(list, "__add__", more);
    }
    friend std::vector<T> operator*(const ListProxy& list, std::ptrdiff_t times) {
        return detail::call_method<std::vector<T>>(list, "__mul__", times);
    }

    const_iterator begin() const { return const_iterator(copy()); }
    const_iterator end() const { return {}; }
};

}  // namespace procession::inline v0
