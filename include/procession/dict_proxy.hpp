// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Dicts behind a manager's server.

#include <procession/detail/proxy_call.hpp>
#include <procession/detail/proxy_reference.hpp>
#include <procession/detail/snapshot.hpp>
#include <procession/detail/typed_proxy.hpp>
#include <procession/error.hpp>

#include <concepts>
#include <initializer_list>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace procession::inline v0 {

/// A dict behind a manager's server, of Python's values: Python's processes see the same one.
///
/// Each member is one call, done before any other process's next one, unless it says otherwise. A value is a
/// copy: one that is changed is to be set again, for `d[k]` to have it. A value that is itself a proxy refers
/// to what it referred to, so that a dict may hold lists that all its readers share:
///
///     mp::DictProxy<std::string, mp::ListProxy<int>> d = manager.dict<...>();
///     d["a"] = manager.list<int>();
///     d["a"]->append(1);
///
/// A handle: a copy is the same dict, and it may be passed to processes, sent in messages and stored in
/// other proxies. It is iterated over as it was when the iteration began, in the order of insertion.
/// @tparam K, V  mp::Object for keys or values of any type
/// @throws  every member: what the server says (KeyError, ...); TypeMismatch, ValueError  what is there is no
///          K or V; EndOfFile  the server is gone; CancelledError  it was shut down meanwhile
/// @par Thread safety   safe on a shared object @par Process safety  safe
/// @see Python: multiprocessing.managers.DictProxy
template <class K, class V>
class DictProxy : public detail::TypedProxy {
    using Key = detail::Passed<K>;
    using Mapped = detail::Passed<V>;
    /// What holds a copy: a std::map, or where keys have no order a std::unordered_map.
    template <class Ordered>
    struct MapOf {
        using type = std::unordered_map<Ordered, V>;
    };
    template <std::totally_ordered Ordered>
    struct MapOf<Ordered> {
        using type = std::map<Ordered, V>;
    };

  public:
    // No mapped_type: cereal would take it for a map that it can write.
    using key_type = K;
    using value_type = std::pair<K, V>;
    using const_iterator = detail::SnapshotIterator<value_type>;
    using iterator = const_iterator;
    using Reference = detail::ProxyReference<V, detail::ItemPlace>;

    using TypedProxy::TypedProxy;

    /// The value of a key, to be read (`V v = d[k]`: KeyError if there is none), written (`d[k] = v`) or both
    /// (`d[k] += 1`: two calls). It cannot be kept.
    Reference operator[](Key key) const { return Reference({*this, detail::to_object(key)}); }

    /// The value of a key; none if there is none.
    [[nodiscard]] std::optional<V> get(Key key) const {
        if constexpr (detail::may_be_none<V>) {
            return found([&] { return detail::call_method<V>(*this, "__getitem__", key); });
        } else {
            return detail::call_method<std::optional<V>>(*this, "get", key);
        }
    }
    /// The value of a key, or `otherwise`.
    [[nodiscard]] V get(Key key, V otherwise) const { return get(key).value_or(std::move(otherwise)); }
    /// The value of a key. @throws KeyError  there is none
    [[nodiscard]] V at(Key key) const { return detail::call_method<V>(*this, "__getitem__", key); }
    bool contains(Key key) const { return detail::call_method<bool>(*this, "__contains__", key); }
    std::size_t size() const { return detail::call_method<std::size_t>(*this, "__len__"); }
    bool empty() const { return size() == 0; }

    /// Sets a key's value: the same as `d[key] = value`.
    void set(Key key, Mapped value) const {
        detail::call_method<void>(*this, "__setitem__", key, value);
    }
    /// The value of a key, which is `value` from now on if there was none.
    V setdefault(Key key, Mapped value) const {
        return detail::call_method<V>(*this, "setdefault", key, value);
    }
    /// Sets all that a map, or a range of pairs, has.
    template <class R>
    void update(R&& items) const {
        std::vector<Object> keys, values;
        for (auto&& [key, value] : items) {
            keys.push_back(detail::to_object<K>(static_cast<const K&>(key)));
            values.push_back(detail::to_object<V>(static_cast<const V&>(value)));
        }
        const detail::Place place("DictProxy::update");
        call("update", {detail::make_dict(place, std::move(keys), std::move(values))});
    }
    void update(std::initializer_list<value_type> items) const {
        update(std::span(items.begin(), items.size()));
    }

    /// Removes a key and returns its value. @throws KeyError  there is none
    V pop(Key key) const { return detail::call_method<V>(*this, "pop", key); }
    /// The same; `otherwise` if there is none.
    V pop(Key key, V otherwise) const {
        return found([&] { return pop(key); }).value_or(std::move(otherwise));
    }
    /// Removes the key that was inserted last and returns it with its value. @throws KeyError  it is empty
    value_type popitem() const { return detail::call_method<value_type>(*this, "popitem"); }
    /// Removes a key. @returns whether there was one
    bool erase(Key key) const {
        return found([&] { return call("__delitem__", {detail::to_object(key)}); }).has_value();
    }
    void clear() const { call("clear"); }

    /// In the order of insertion, as the two below.
    std::vector<K> keys() const { return detail::call_method<std::vector<K>>(*this, "keys"); }
    std::vector<V> values() const { return detail::call_method<std::vector<V>>(*this, "values"); }
    std::vector<value_type> items() const {
        return detail::call_method<std::vector<value_type>>(*this, "items");
    }
    /// A copy of it: a std::map, where keys have an order, else a std::unordered_map, or what one asks for.
    template <class Map = typename MapOf<K>::type>
    Map copy() const {
        return detail::call_method<Map>(*this, "copy");
    }

    /// Iterates over pairs of keys and values, as of a std::map: `for (const auto& [key, value] : d)`. (In
    /// Python it is over keys; see keys().)
    const_iterator begin() const { return const_iterator(items()); }
    const_iterator end() const { return {}; }

  private:
    template <class F>
    static auto found(F read) -> std::optional<decltype(read())> {
        try {
            return read();
        } catch (const KeyError&) {
            return std::nullopt;
        }
    }
};

}  // namespace procession::inline v0
