// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/proxy_call.hpp>

#include <fmt/format.h>

#include <concepts>
#include <ostream>
#include <type_traits>
#include <utility>

namespace procession::inline v0::detail {

/// What a proxy's operator[] has: an element behind the server, by its key or index.
class ItemPlace {
  public:
    ItemPlace(const ProxyCore& proxy, Object key) : proxy_(proxy), key_(std::move(key)) {}

    template <class V>
    V read() const {
        return call_method<V>(proxy_, "__getitem__", key_);
    }
    void write(const Object& value) const { proxy_.call("__setitem__", {key_, value}); }

  private:
    ProxyCore proxy_;
    Object key_;
};

/// What ValueProxy::value() has.
class ValuePlace {
  public:
    explicit ValuePlace(const ProxyCore& proxy) : proxy_(proxy) {}

    template <class V>
    V read() const {
        return call_method<V>(proxy_, "get");
    }
    void write(const Object& value) const { proxy_.call("set", {value}); }

  private:
    ProxyCore proxy_;
};

/// A value behind a manager's server, to be read or written at once: `d[k] = v`, `V v = d[k]`, `d[k] += 1`.
///
/// Each use is a call, and `d[k] += 1` two, between which others may change it. It cannot be kept: where
/// `auto x = d[k]` is used it does not compile; write `V x = d[k]` for a copy.
template <class V, class Place>
class ProxyReference {
  public:
    using value_type = V;

    explicit ProxyReference(Place place) : place_(std::move(place)) {}
    ProxyReference(const ProxyReference&) = delete;

    /// A copy of it.
    V get() && { return read(); }
    operator V() && { return read(); }
    /// A member of it: `d["a"]->append(1)` of a proxy in a dict. What is no proxy is a constant copy.
    auto operator->() && { return Member{read()}; }

    // NOLINTBEGIN(misc-unconventional-assign-operator,performance-noexcept-move-constructor): it is an rvalue that
    // is assigned to, which is a call.
    /// Replaces it.
    ProxyReference&& operator=(Passed<V> value) && {
        write(value);
        return std::move(*this);
    }
    ProxyReference&& operator=(ProxyReference&& other) && {
        write(other.read());
        return std::move(*this);
    }
    template <class P>
    ProxyReference&& operator=(ProxyReference<V, P>&& other) && {
        write(std::move(other).get());
        return std::move(*this);
    }
    // NOLINTEND(misc-unconventional-assign-operator,performance-noexcept-move-constructor)

    /// Reads it, changes that, and writes it. @returns what was written
    template <class U>
    requires requires(V& value, U&& other) { value += std::forward<U>(other); }
    V operator+=(U&& other) && {
        return change([&](V& value) { value += std::forward<U>(other); });
    }
    template <class U>
    requires requires(V& value, U&& other) { value -= std::forward<U>(other); }
    V operator-=(U&& other) && {
        return change([&](V& value) { value -= std::forward<U>(other); });
    }
    template <class U>
    requires requires(V& value, U&& other) { value *= std::forward<U>(other); }
    V operator*=(U&& other) && {
        return change([&](V& value) { value *= std::forward<U>(other); });
    }
    template <class U>
    requires requires(V& value, U&& other) { value /= std::forward<U>(other); }
    V operator/=(U&& other) && {
        return change([&](V& value) { value /= std::forward<U>(other); });
    }
    template <class U>
    requires requires(V& value, U&& other) { value %= std::forward<U>(other); }
    V operator%=(U&& other) && {
        return change([&](V& value) { value %= std::forward<U>(other); });
    }
    V operator++() && requires requires(V& value) { ++value; }
    {
        return change([](V& value) { ++value; });
    }
    V operator--() && requires requires(V& value) { --value; }
    {
        return change([](V& value) { --value; });
    }
    /// @returns what was read
    V operator++(int) && requires requires(V& value) { ++value; }
    {
        V before = read();
        V value = before;
        ++value;
        write(value);
        return before;
    }
    V operator--(int) && requires requires(V& value) { --value; }
    {
        V before = read();
        V value = before;
        --value;
        write(value);
        return before;
    }

    template <class U>
    requires(!std::derived_from<U, ProxyReference> && std::equality_comparable_with<V, U>) friend bool
    operator==(ProxyReference&& reference, const U& value) {
        return reference.read() == value;
    }
    friend bool operator==(ProxyReference&& left,
                           ProxyReference&& right) requires std::equality_comparable<V> {
        return left.read() == right.read();
    }
    /// As the value is printed.
    friend std::ostream& operator<<(std::ostream& out, ProxyReference&& reference) requires
        requires(const V& value) {
        out << value;
    }
    { return out << reference.read(); }

  private:
    friend fmt::formatter<ProxyReference>;

    struct Member {
        V value;
        const V* operator->() const { return &value; }
    };

    V read() const { return place_.template read<V>(); }
    void write(Passed<V> value) const { place_.write(detail::to_object(value)); }
    template <class F>
    V change(F change) const {
        V value = read();
        change(value);
        write(value);
        return value;
    }

    Place place_;
};

}  // namespace procession::inline v0::detail

template <class V, class Place>
requires fmt::is_formattable<V>::value struct fmt::formatter<
    procession::detail::ProxyReference<V, Place>> : formatter<V> {
    template <class Context>
    auto format(const procession::detail::ProxyReference<V, Place>& reference, Context& context) const {
        return formatter<V>::format(reference.read(), context);
    }
};
