// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// The manager that everybody needs: dicts, lists, values, locks and queues behind a server.

#include <procession/managers.hpp>

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <optional>
#include <ranges>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace procession::inline v0 {
namespace detail {

/// A range of keys with values.
template <class R>
concept RangeOfPairs = std::ranges::input_range<R> && requires(std::ranges::range_reference_t<R> item) {
    item.first;
    item.second;
};
template <RangeOfPairs R>
using KeyOf = std::remove_cvref_t<decltype(std::declval<std::ranges::range_reference_t<R>>().first)>;
template <RangeOfPairs R>
using MappedOf = std::remove_cvref_t<decltype(std::declval<std::ranges::range_reference_t<R>>().second)>;

/// What Python's array and ctypes call a type; "O" what they have no name for.
template <class T>
constexpr char typecode_of() {
    if constexpr (std::same_as<T, bool>) return '?';
    if constexpr (std::same_as<T, char> || std::same_as<T, signed char>) return 'b';
    if constexpr (std::same_as<T, unsigned char>) return 'B';
    if constexpr (std::same_as<T, short>) return 'h';
    if constexpr (std::same_as<T, unsigned short>) return 'H';
    if constexpr (std::same_as<T, int>) return 'i';
    if constexpr (std::same_as<T, unsigned>) return 'I';
    if constexpr (std::same_as<T, long>) return 'l';
    if constexpr (std::same_as<T, unsigned long>) return 'L';
    if constexpr (std::same_as<T, long long>) return 'q';
    if constexpr (std::same_as<T, unsigned long long>) return 'Q';
    if constexpr (std::same_as<T, float>) return 'f';
    if constexpr (std::same_as<T, double>) return 'd';
    return 'O';
}

}  // namespace detail

/// Offers Python's own types. Each member makes an object behind the server, and a proxy to it.
///
/// What is in a dict or list is a copy: changing it changes nothing there until it is set again. Proxies that are
/// stored in others are references.
///
/// The server knows no types of C++: it keeps what a value is in Python. So `dict<std::string, Object>()` has
/// values of any type, a Python client may use the same objects, and what is read as another type than was
/// written is a TypeMismatch.
/// @throws  every member: StateError  the server is not started, or connected to; EndOfFile  it is gone
/// @par Thread safety   safe @par Process safety  of the process that made it; its proxies may be passed on
/// @see Python: multiprocessing.managers.SyncManager
class PROCESSION_API SyncManager : public BaseManager {
  public:
    /// As BaseManager.
    explicit SyncManager(Address address = {}, AuthKey authkey = {}, ManagerOptions options = {});

    /// An empty dict, or one with the items of a map, or of a range of pairs.
    template <class K, class V>
    DictProxy<K, V> dict() {
        return DictProxy<K, V>(make("dict", {}));
    }
    template <class K, class V>
    DictProxy<K, V> dict(std::initializer_list<std::pair<K, V>> items) {
        return DictProxy<K, V>(make("dict", {dict_of<K, V>(items)}));
    }
    template <detail::RangeOfPairs R>
    auto dict(R&& items) {
        using K = detail::KeyOf<R>;
        using V = detail::MappedOf<R>;
        return DictProxy<K, V>(make("dict", {dict_of<K, V>(items)}));
    }
    /// An empty list, or one with the elements of a range.
    template <class T>
    ListProxy<T> list() {
        return ListProxy<T>(make("list", {}));
    }
    template <class T>
    ListProxy<T> list(std::initializer_list<T> elements) {
        return ListProxy<T>(make("list", {detail::list_of<T>(elements)}));
    }
    template <std::ranges::input_range R>
    auto list(R&& elements) {
        using T = std::ranges::range_value_t<R>;
        return ListProxy<T>(make("list", {detail::list_of<T>(elements)}));
    }
    NamespaceProxy Namespace() { return NamespaceProxy(make("Namespace", {})); }

    template <class T>
    auto Value(T value) {
        using V = detail::Stored<T>;
        return ValueProxy<V>(make("Value", {std::string(1, detail::typecode_of<V>()),
                                            detail::to_object(static_cast<const V&>(value))}));
    }
    /// With the elements of a range, which are numbers.
    template <std::ranges::input_range R>
    auto Array(R&& elements) {
        using T = std::ranges::range_value_t<R>;
        static_assert(std::is_arithmetic_v<T>, "an Array is of numbers; use a list for other values");
        return ArrayProxy<T>(
            make("Array", {std::string(1, detail::typecode_of<T>()), detail::list_of<T>(elements)}));
    }
    template <class T>
    ArrayProxy<T> Array(std::initializer_list<T> elements) {
        return ArrayProxy<T>(
            make("Array", {std::string(1, detail::typecode_of<T>()), detail::list_of<T>(elements)}));
    }

    LockProxy Lock() { return LockProxy(make("Lock", {})); }
    RLockProxy RLock() { return RLockProxy(make("RLock", {})); }
    /// @throws ValueError  the value is below zero
    SemaphoreProxy Semaphore(int value = 1) { return SemaphoreProxy(make("Semaphore", {value})); }
    BoundedSemaphoreProxy BoundedSemaphore(int value = 1) {
        return BoundedSemaphoreProxy(make("BoundedSemaphore", {value}));
    }
    /// With an RLock of its own, or on a lock of the same manager.
    ConditionProxy Condition() { return ConditionProxy(make("Condition", {})); }
    ConditionProxy Condition(const LockProxy& lock) {
        return ConditionProxy(make("Condition", {lock.to_object()}));
    }
    ConditionProxy Condition(const RLockProxy& lock) {
        return ConditionProxy(make("Condition", {lock.to_object()}));
    }
    EventProxy Event() { return EventProxy(make("Event", {})); }
    /// @throws ValueError  there are no parties
    BarrierProxy Barrier(int parties) { return BarrierProxy(make("Barrier", {parties})); }

    /// @param maxsize  how many items it holds at most; 0: no limit
    template <class T>
    QueueProxy<T> Queue(std::size_t maxsize = 0) {
        return QueueProxy<T>(make("Queue", {maxsize}));
    }
    template <class T>
    JoinableQueueProxy<T> JoinableQueue(std::size_t maxsize = 0) {
        return JoinableQueueProxy<T>(make("JoinableQueue", {maxsize}));
    }

    /// A pool of processes of the server's. @param processes  how many; none: as many as there are processors there
    /// @throws ValueError  less than 1
    PoolProxy Pool(std::optional<int> processes = {}) {
        return PoolProxy(make("Pool", {detail::to_object(processes)}));
    }

  private:
    template <class K, class V, class R>
    static Object dict_of(const R& items) {
        Object dict = Object::dict();
        for (const auto& [key, value] : items)
            dict.set(detail::to_object<K>(key), detail::to_object<V>(value));
        return dict;
    }
};

/// A started SyncManager. @throws as BaseManager::start()
[[nodiscard]] PROCESSION_API SyncManager Manager();

}  // namespace procession::inline v0
