// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Containers that several processes use in place: they lie in the program's shared memory, and grow.
///
/// All are handles: a copy is the same container, and it may be passed to processes as an argument, in
/// messages, and inside other containers. All members are const, as those of a `std::shared_ptr` are,
/// and each is one step: others see all of it or nothing. That holds as well when the process is killed
/// in the middle of it, and when it throws: then the container is as it was before.
/// @par Thread safety   safe on a shared object @par Process safety  safe
/// @par Errors    Whatever adds or replaces may throw HeapExhausted, and every member StateError, when
///                it is called by a function that was given to a member of the same container: it would
///                wait for itself. Two containers whose functions use each other wait for ever, as two
///                locks would.
/// @par Blocking  while another process or thread is in a member; a killed one is noticed at once

#include <procession/detail/shared_core.hpp>

#include <fmt/core.h>

#include <array>
#include <bit>
#include <compare>
#include <concepts>
#include <initializer_list>
#include <iterator>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace procession::inline v0 {
namespace detail {

/// The bytes of a range's elements: where they are, if they lie there as such, else of a copy.
template <class T, class R>
auto bytes_of_range(R& range) {
    if constexpr (std::is_constructible_v<std::span<const T>, R&>) {
        return std::as_bytes(std::span<const T>(range));
    } else {
        std::vector<std::byte> bytes;
        for (auto&& each : range) {
            const T element = static_cast<T>(each);
            const auto these = std::as_bytes(std::span(&element, 1));
            bytes.insert(bytes.end(), these.begin(), these.end());
        }
        return bytes;
    }
}

/// Elements in a range, but no handle.
template <class R, class T>
concept RangeOf = !HandleType<std::remove_cvref_t<R>> && requires(R & range) {
    static_cast<T>(*std::begin(range));
    std::end(range);
};

/// An element as `read(bytes)` writes its bytes; it needs no default constructor.
template <class T, class Read>
T element_from(Read read) {
    std::array<std::byte, sizeof(T)> bytes;
    read(bytes.data());
    return std::bit_cast<T>(bytes);
}

/// A value as it is stored.
struct Saved : Buffer {
    template <class T>
    explicit Saved(const T& value) {
        NativeWriter writer(*this);
        save_value(writer, value);
    }
};

template <class T>
T loaded(std::span<const std::byte> bytes) {
    NativeReader reader(bytes);
    return load_value<T>(reader);
}

/// Throws KeyError, which names the key if that is a number or a text.
template <class K>
[[noreturn]] void throw_no_such_key(const std::string& map, const K& key) {
    if constexpr (std::is_convertible_v<const K&, std::string_view>)
        throw KeyError(fmt::format("{}: no key \"{}\".", map, std::string_view(key)));
    else if constexpr (std::is_arithmetic_v<K>)
        throw KeyError(fmt::format("{}: no key {}.", map, key));
    else
        throw KeyError(fmt::format("{}: no such key.", map));
}

}  // namespace detail

/// A growing array of T.
///
/// T lies in shared memory as it is: it must be trivially copyable, aligned to no more than 64 bytes,
/// and without pointers. See the file's comment for what holds for all members.
template <class T>
class shared_vector : public detail::SharedBytes {
    static_assert(std::is_object_v<T> && !std::is_pointer_v<T> && !std::is_member_pointer_v<T>,
                  "shared_vector<T>: a pointer means nothing in another process: keep an index");
    static_assert(std::is_trivially_copyable_v<T>,
                  "shared_vector<T>: T must be trivially copyable, since its bytes are shared as they "
                  "are: use a shared_map<int, T>, whose values are serialized");
    static_assert(alignof(T) <= 64, "shared_vector<T>: T may be aligned to 64 bytes at most");

  public:
    using value_type = T;

    /// An empty one.
    shared_vector() : SharedBytes(detail::shared_type<shared_vector>(), sizeof(T), {}) {}
    /// With these elements. One with static storage has them from the process that comes first.
    shared_vector(std::initializer_list<T> elements)
        : SharedBytes(detail::shared_type<shared_vector>(), sizeof(T),
                      std::as_bytes(std::span(elements.begin(), elements.size()))) {}
    /// With the elements of a range.
    template <detail::RangeOf<T> R>
    explicit shared_vector(R&& range)
        : SharedBytes(detail::shared_type<shared_vector>(), sizeof(T),
                      detail::bytes_of_range<T>(range)) {}
    /// The vector that a message names. @throws TypeMismatch its elements are of another type
    explicit shared_vector(detail::Handle handle)
        : SharedBytes(std::move(handle), detail::shared_type<shared_vector>()) {}

    /// How many elements there are at this moment.
    std::size_t size() const { return SharedBytes::size(); }
    bool empty() const { return size() == 0; }
    /// How many elements it can have before it must move to a larger block.
    std::size_t capacity() const { return SharedBytes::capacity(); }
    /// Makes room for so many elements in all.
    void reserve(std::size_t capacity) const { SharedBytes::reserve(capacity); }
    /// Gives back the memory beyond the elements.
    void shrink_to_fit() const { SharedBytes::shrink_to_fit(); }

    /// An element. @throws IndexError  there are not so many
    [[nodiscard]] T get(std::size_t index) const {
        return detail::element_from<T>([&](void* bytes) { SharedBytes::get(index, bytes); });
    }
    /// The same. @see Python: list[index]
    [[nodiscard]] T at(std::size_t index) const { return get(index); }
    /// The first element. @throws IndexError  there is none
    [[nodiscard]] T front() const { return get(0); }
    /// The last element. @throws IndexError  there is none
    [[nodiscard]] T back() const {
        return detail::element_from<T>([&](void* bytes) { SharedBytes::get_last(bytes); });
    }
    /// Replaces an element. @throws IndexError  there are not so many
    void set(std::size_t index, const T& element) const { SharedBytes::set(index, &element); }

    /// Appends an element.
    void push_back(const T& element) const {
        SharedBytes::append(std::as_bytes(std::span(&element, 1)));
    }
    /// Removes the last element and returns it. @throws IndexError  there is none
    T pop_back() const {
        return detail::element_from<T>([&](void* bytes) { SharedBytes::pop_last(bytes); });
    }
    /// Appends all elements of a range, in one step.
    template <detail::RangeOf<T> R>
    void append(R&& range) const {
        SharedBytes::append(detail::bytes_of_range<T>(range));
    }
    void append(std::initializer_list<T> elements) const { append(std::span(elements)); }
    /// Has the elements of a range instead of its own.
    template <detail::RangeOf<T> R>
    void assign(R&& range) const {
        SharedBytes::assign(detail::bytes_of_range<T>(range));
    }
    void assign(std::initializer_list<T> elements) const { assign(std::span(elements)); }
    /// Has so many elements: the first of its own, and copies of `element` where those do not suffice.
    void resize(std::size_t size, const T& element) const { SharedBytes::resize(size, &element); }
    void resize(std::size_t size) const { resize(size, T{}); }
    /// Removes all elements; the memory stays.
    void clear() const { SharedBytes::resize(0, nullptr); }

    /// The elements as they are at this moment.
    [[nodiscard]] std::vector<T> copy() const {
        return read([](std::span<const T> elements) {
            return std::vector<T>(elements.begin(), elements.end());
        });
    }
    /// Calls `f(std::span<const T>)` with all elements, while nobody can change them; returns what it
    /// returns. Unlike with() it copies nothing: since `f` can't write, there is nothing to undo.
    template <class F>
    auto read(F&& f) const {
        const detail::BytesSection section(*this);
        return detail::call_then([&] { return f(section.elements<T>()); }, [] {});
    }
    /// Calls `f(std::span<T>)` with a copy of all elements, which takes their place when `f` returns;
    /// returns what it returns. Nobody else sees or changes any meanwhile. When `f` throws, or its
    /// process is killed, nothing has happened. The copy makes it cost as much as there are elements:
    /// for one of them update(index, f) is the better choice.
    template <class F>
    auto with(F&& f) const {
        detail::BytesSection section(*this);
        const std::span<T> copy = section.copy<T>();
        return detail::call_then([&] { return f(copy); }, [&] { section.put_copy(); });
    }
    /// Calls `f(T&)` with an element, and replaces it by what that leaves; returns what `f` returns.
    /// @throws IndexError  there are not so many
    template <class F>
    auto update(std::size_t index, F&& f) const {
        detail::BytesSection section(*this);
        T element = detail::element_from<T>([&](void* bytes) { section.get(index, bytes); });
        return detail::call_then([&] { return f(element); }, [&] { section.set(index, &element); });
    }
    /// Calls `f(std::vector<T>&)` with all elements, which may insert, erase and sort, and has what that
    /// leaves instead; returns what `f` returns.
    template <class F>
    auto update(F&& f) const {
        detail::BytesSection section(*this);
        const auto elements = section.elements<T>();
        std::vector<T> copy(elements.begin(), elements.end());
        return detail::call_then([&] { return f(copy); },
                                 [&] { section.assign(detail::bytes_of_range<T>(copy)); });
    }
};

/// A growing text. See the file's comment for what holds for all members.
///
/// Two are equal when their texts are, unlike other handles.
class PROCESSION_API shared_string : public detail::SharedBytes {
  public:
    using value_type = char;

    /// An empty one.
    shared_string() : shared_string(std::string_view()) {}
    /// With this text. One with static storage has it from the process that comes first.
    explicit shared_string(std::string_view text);
    /// The string that a message names. @throws TypeMismatch it is something else
    explicit shared_string(detail::Handle);

    /// The text at this moment.
    [[nodiscard]] std::string str() const;
    /// How many bytes it has at this moment.
    std::size_t size() const { return SharedBytes::size(); }
    bool empty() const { return size() == 0; }
    /// How many bytes it can have before it must move to a larger block.
    std::size_t capacity() const { return SharedBytes::capacity(); }
    /// Makes room for so many bytes in all.
    void reserve(std::size_t capacity) const { SharedBytes::reserve(capacity); }
    /// Gives back the memory beyond the text.
    void shrink_to_fit() const { SharedBytes::shrink_to_fit(); }

    /// A byte of it. @throws IndexError  there are not so many
    [[nodiscard]] char get(std::size_t index) const;
    [[nodiscard]] char at(std::size_t index) const { return get(index); }
    /// Replaces a byte. @throws IndexError  there are not so many
    void set(std::size_t index, char byte) const { SharedBytes::set(index, &byte); }
    /// Has this text instead of its own.
    void assign(std::string_view text) const;
    /// Appends a text, in one step.
    void append(std::string_view text) const;
    const shared_string& operator+=(std::string_view text) const {
        append(text);
        return *this;
    }
    void push_back(char byte) const { append({&byte, 1}); }
    /// Removes the text; the memory stays.
    void clear() const { SharedBytes::resize(0, nullptr); }

    /// Calls `f(std::string_view)` with the text, while nobody can change it; returns what it returns.
    template <class F>
    auto read(F&& f) const {
        const detail::BytesSection section(*this);
        const auto text = section.elements<char>();
        return detail::call_then([&] { return f(std::string_view(text.data(), text.size())); }, [] {});
    }
    /// Calls `f(std::string&)` with the text, and has what that leaves instead; returns what `f`
    /// returns. When it throws, or its process is killed, nothing has happened.
    template <class F>
    auto update(F&& f) const {
        detail::BytesSection section(*this);
        const auto text = section.elements<char>();
        std::string copy(text.begin(), text.end());
        return detail::call_then([&] { return f(copy); },
                                 [&] { section.assign(std::as_bytes(std::span(copy))); });
    }

    friend bool operator==(const shared_string& a, const shared_string& b) { return a.str() == b.str(); }
    friend bool operator==(const shared_string& a, std::string_view b) { return a.str() == b; }
    friend auto operator<=>(const shared_string& a, const shared_string& b) {
        return a.str() <=> b.str();
    }
    friend auto operator<=>(const shared_string& a, std::string_view b) {
        return std::string_view(a.str()) <=> b;
    }
    friend std::ostream& operator<<(std::ostream& out, const shared_string& text) {
        return out << text.str();
    }
};

/// A hash table from K to V.
///
/// Keys and values may be of any type that can be sent: they are stored as they would be in a message,
/// the library's handles too. Keys are equal when that form is: -0.0 and 0.0 are two keys. Finding,
/// adding and erasing take the same time on average however many there are.
/// See the file's comment for what holds for all members.
/// @see Python: multiprocessing.managers.SyncManager.dict, which asks a server each time
template <class K, class V>
class shared_map : public detail::SharedTable {
  public:
    // No mapped_type: cereal would take it for a map of its own.

    /// An empty one.
    shared_map() : SharedTable(detail::shared_type<shared_map>()) {}
    /// The map that a message names. @throws TypeMismatch its keys or values are of another type
    explicit shared_map(detail::Handle handle)
        : SharedTable(std::move(handle), detail::shared_type<shared_map>()) {}

    /// How many entries there are at this moment.
    std::size_t size() const { return SharedTable::size(); }
    bool empty() const { return size() == 0; }
    bool contains(const K& key) const { return SharedTable::contains(detail::Saved(key)); }

    /// Adds an entry, or replaces the value of the one with this key.
    /// @throws SerializationError  one of them cannot be sent
    void set(const K& key, const V& value) const {
        SharedTable::put(detail::Saved(key), detail::Saved(value), true);
    }
    /// Adds an entry unless there is one with this key. @returns whether it was added
    /// @throws SerializationError  one of them cannot be sent
    bool insert(const K& key, const V& value) const {
        return SharedTable::put(detail::Saved(key), detail::Saved(value), false);
    }

    /// The value of a key; none if there is none.
    [[nodiscard]] std::optional<V> get(const K& key) const {
        std::optional<V> value;
        SharedTable::get(detail::Saved(key),
                         [&](auto bytes) { value.emplace(detail::loaded<V>(bytes)); });
        return value;
    }
    /// The value of a key, or `otherwise`.
    [[nodiscard]] V get(const K& key, V otherwise) const {
        return get(key).value_or(std::move(otherwise));
    }
    /// The value of a key. @throws KeyError  there is none
    [[nodiscard]] V at(const K& key) const { return value_or_throw(get(key), key); }

    /// Removes an entry. @returns whether there was one
    bool erase(const K& key) const {
        return static_cast<bool>(detail::TakenEntry(*this, detail::Saved(key)));
    }
    /// Removes an entry and returns its value. @throws KeyError  there is none
    V pop(const K& key) const { return value_or_throw(take(key), key); }
    /// The same; `otherwise` if there is none.
    V pop(const K& key, V otherwise) const { return take(key).value_or(std::move(otherwise)); }
    /// Removes all entries.
    void clear() const { SharedTable::clear(); }

    /// Calls `f(V&)` with the value of a key, and replaces it by what that leaves; returns what `f`
    /// returns. Nobody else uses the map meanwhile. When `f` throws, or its process is killed, nothing
    /// has happened.
    /// @throws KeyError  there is no such key
    template <class F>
    auto update(const K& key, F&& f) const {
        return update_within(key, f, [&]() -> V { detail::throw_no_such_key(name(), key); });
    }
    /// The same; where there is no such key, `f` is called with `initial`, and what that leaves is added.
    template <class F>
    auto update(const K& key, F&& f, V initial) const {
        return update_within(key, f, [&]() -> V { return std::move(initial); });
    }

    /// The keys, in no order.
    [[nodiscard]] std::vector<K> keys() const {
        return collect<K>([](auto key, auto) { return detail::loaded<K>(key); });
    }
    /// The values, in the order of the keys.
    [[nodiscard]] std::vector<V> values() const {
        return collect<V>([](auto, auto value) { return detail::loaded<V>(value); });
    }
    /// The entries, in no order.
    [[nodiscard]] std::vector<std::pair<K, V>> items() const {
        return collect<std::pair<K, V>>([](auto key, auto value) {
            return std::pair<K, V>(detail::loaded<K>(key), detail::loaded<V>(value));
        });
    }
    /// The entries, in the order of the keys, for keys that have one.
    [[nodiscard]] std::map<K, V> copy() const requires std::totally_ordered<K> {
        std::map<K, V> entries;
        for (auto& [key, value] : items()) entries.emplace(std::move(key), std::move(value));
        return entries;
    }

  private:
    static std::string name() { return detail::type_name<shared_map>(); }

    static V value_or_throw(std::optional<V> value, const K& key) {
        if (!value) detail::throw_no_such_key(name(), key);
        return std::move(*value);
    }
    std::optional<V> take(const K& key) const {
        const detail::TakenEntry entry(*this, detail::Saved(key));
        if (!entry) return std::nullopt;
        return detail::loaded<V>(entry.value());
    }
    template <class F, class Otherwise>
    auto update_within(const K& key, F& f, Otherwise otherwise) const {
        const detail::Saved saved(key);
        detail::TableSection section(*this);
        const auto bytes = section.find(saved);
        V value = bytes ? detail::loaded<V>(*bytes) : otherwise();
        return detail::call_then([&] { return f(value); },
                                 [&] { section.put(saved, detail::Saved(value)); });
    }
    template <class T, class Make>
    std::vector<T> collect(Make make) const {
        const detail::TableSection section(*this);
        std::vector<T> collected;
        collected.reserve(section.size());
        section.visit([&](auto key, auto value) { collected.push_back(make(key, value)); });
        return collected;
    }
};

}  // namespace procession::inline v0

template <>
struct fmt::formatter<procession::shared_string> : fmt::formatter<fmt::string_view> {
    template <class Context>
    auto format(const procession::shared_string& text, Context& context) const {
        return formatter<fmt::string_view>::format(text.str(), context);
    }
};
