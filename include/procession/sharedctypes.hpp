// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Values and arrays in shared memory, with a lock of their own or without.

#include <procession/detail/shareable.hpp>
#include <procession/detail/type_name.hpp>
#include <procession/lock.hpp>

#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace procession::inline v0 {
namespace detail {

/// How a shared value or array is called, and what its bytes are.
struct SharedShape {
    std::string type_name;
    std::uint64_t fingerprint;
    std::size_t alignment;
};

template <class Handle, class T>
SharedShape shape_of() {
    require_shareable<T>();
    return {type_name<Handle>(), fingerprint<Handle>(), alignof(T)};
}

[[noreturn]] PROCESSION_API void throw_index(const std::string& type_name, std::size_t index,
                                             std::size_t size);
/// @throws ValueError it is more than there can be
PROCESSION_API std::size_t bytes_for(const std::string& type_name, std::size_t count, std::size_t each);

/// Bytes of fixed size in the program's heap, with a lock: what Value and its kin are made of.
class PROCESSION_API SharedData : public Handle {
  protected:
    /// None yet.
    explicit SharedData(std::string_view type) : Handle(type) {}
    /// A new one. @param initial its bytes; null: zeros @param lock the lock to use; none: one of its own
    SharedData(const SharedShape&, std::size_t size, const void* initial,
               std::optional<RLock> lock = {});
    /// One that was received. @throws TypeMismatch it is of another type
    SharedData(Handle, const SharedShape&);
    // Not inline: gcc 12 warns of the copy of an optional as it sees it.
    SharedData(const SharedData&) noexcept;
    SharedData& operator=(const SharedData&) noexcept;
    ~SharedData();

    template <class T>
    T* data_as() const {
        body();  // throws where there is none
        return static_cast<T*>(data_);
    }
    std::size_t size_in_bytes() const {
        body();
        return size_;
    }
    RLock& its_lock() const {
        body();
        return *lock_;
    }

  private:
    void find();

    void* data_ = nullptr;
    std::size_t size_ = 0;
    mutable std::optional<RLock> lock_;
};

template <class T>
concept Number = std::is_arithmetic_v<T> && !std::same_as<T, bool>;

template <class T>
concept LockFree = std::is_trivially_copyable_v<T> && std::atomic_ref<T>::is_always_lock_free &&
                   std::atomic_ref<T>::required_alignment <= alignof(T);

template <class R>
concept InputRange = requires(R&& range) {
    std::begin(range);
    std::end(range);
};
template <class R>
using RangeValue = std::remove_cvref_t<decltype(*std::begin(std::declval<R&>()))>;

template <class T, class R>
std::vector<T> collected(R&& range) {
    std::vector<T> items;
    if constexpr (std::is_array_v<std::remove_cvref_t<R>> &&
                  std::is_convertible_v<R, std::string_view>) {
        const std::string_view text(range);  // a literal, without its final NUL
        return {text.begin(), text.end()};
    }
    for (auto&& item : range) items.push_back(static_cast<T>(item));
    return items;
}

}  // namespace detail

// ---------------------------------------------------------------- one value

/// A value in shared memory, with a lock.
///
/// A handle: a copy is the same value, and it may be passed to processes as an argument and inside
/// messages. get(), set(), with() and the arithmetic take the lock, so nothing is lost between them; if
/// a process died holding it they throw OwnerDied, until get_lock().recover() or release().
/// @tparam T  trivially copyable, without pointers
/// @par Thread safety   safe, but for value() @par Process safety  the same
/// @see Python: multiprocessing.Value
template <class T>
class Value : public detail::SharedData {
  public:
    /// A new value, zero.
    Value() : Value(T{}) {}
    /// A new value. @throws HeapExhausted
    explicit Value(T initial)
        : SharedData(detail::shape_of<Value, T>(), sizeof(T), std::addressof(initial)) {}
    /// The same with a lock that it shares with others.
    Value(T initial, RLock lock)
        : SharedData(detail::shape_of<Value, T>(), sizeof(T), std::addressof(initial), std::move(lock)) {
    }
    /// The value that a message names. @throws TypeMismatch
    explicit Value(detail::Handle handle)
        : SharedData(std::move(handle), detail::shape_of<Value, T>()) {}

    /// A copy of it. @throws OwnerDied
    T get() const {
        const std::lock_guard guard(get_lock());
        return value();
    }
    /// Replaces it. @throws OwnerDied
    void set(T value) const {
        const std::lock_guard guard(get_lock());
        this->value() = value;
    }
    /// The shared object itself. Unlocked: hold get_lock(), or be alone.
    T& value() const { return *this->template data_as<T>(); }
    /// The lock: its own, or the one that it was given.
    RLock& get_lock() const { return its_lock(); }
    /// Calls f(T&) under the lock. @returns what f returns @throws OwnerDied, and what f throws
    template <std::invocable<T&> F>
    auto with(F&& f) const {
        const std::lock_guard guard(get_lock());
        return std::forward<F>(f)(value());
    }

    /// Adds; under the lock, as the three below. @returns the value before @throws OwnerDied
    T fetch_add(T other) const requires detail::Number<T> {
        return exchange_with([other](T value) { return static_cast<T>(value + other); });
    }
    T fetch_sub(T other) const requires detail::Number<T> {
        return exchange_with([other](T value) { return static_cast<T>(value - other); });
    }
    T exchange(T other) const requires std::is_arithmetic_v<T> {
        return exchange_with([other](T) { return other; });
    }
    /// Replaces it if it equals `expected`, else stores it there. @returns whether it was equal
    bool compare_exchange(T& expected, T desired) const requires std::is_arithmetic_v<T> {
        const std::lock_guard guard(get_lock());
        const T before = value();
        if (before != expected) {
            expected = before;
            return false;
        }
        value() = desired;
        return true;
    }

  private:
    template <class F>
    T exchange_with(F next) const {
        const std::lock_guard guard(get_lock());
        const T before = value();
        value() = next(before);
        return before;
    }
};

/// A value in shared memory without a lock.
///
/// Where T is as small as the processor's words (std::atomic_ref<T> is lock-free), get() and set() are
/// atomic, and so is all arithmetic; of a larger T, whoever reads while another writes may see half of
/// both. Memory order: sequentially consistent, as std::atomic's default.
/// @par Thread safety   as said @par Process safety  the same
/// @see Python: multiprocessing.sharedctypes.RawValue
template <class T>
class RawValue : public detail::SharedData {
  public:
    RawValue() : RawValue(T{}) {}
    explicit RawValue(T initial)
        : SharedData(detail::shape_of<RawValue, T>(), sizeof(T), std::addressof(initial)) {}
    explicit RawValue(detail::Handle handle)
        : SharedData(std::move(handle), detail::shape_of<RawValue, T>()) {}

    T get() const {
        if constexpr (detail::LockFree<T>)
            return atomic().load();
        else
            return value();
    }
    void set(T value) const {
        if constexpr (detail::LockFree<T>)
            atomic().store(value);
        else
            this->value() = value;
    }
    /// The shared object itself.
    T& value() const { return *this->template data_as<T>(); }

    /// Adds, atomically. @returns the value before
    T fetch_add(T other) const requires(detail::Number<T>&& detail::LockFree<T>) {
        return atomic().fetch_add(other);
    }
    T fetch_sub(T other) const requires(detail::Number<T>&& detail::LockFree<T>) {
        return atomic().fetch_sub(other);
    }
    T exchange(T other) const requires detail::LockFree<T> { return atomic().exchange(other); }
    /// Replaces it if its bytes equal `expected`'s, else stores it there. @returns whether they did
    bool compare_exchange(T& expected, T desired) const requires detail::LockFree<T> {
        return atomic().compare_exchange_strong(expected, desired);
    }

  private:
    std::atomic_ref<T> atomic() const { return std::atomic_ref<T>(value()); }
};

// ---------------------------------------------------------------- many

namespace detail {

/// What Array and RawArray have in common: a fixed number of values, in one piece.
template <class Array, class T>
class SharedSequence : public SharedData {
  public:
    using value_type = T;

    std::size_t size() const { return size_in_bytes() / sizeof(T); }
    /// An element itself, unlocked. @throws IndexError
    T& operator[](std::size_t index) const {
        if (index >= size()) throw_index(type_name<Array>(), index, size());
        return data()[index];
    }
    /// The elements themselves, unlocked.
    T* data() const { return this->template data_as<T>(); }
    T* begin() const { return data(); }
    T* end() const { return data() + size(); }
    std::span<T> span() const { return {data(), size()}; }

  protected:
    SharedSequence() : SharedData(type_name<Array>()) {}
    explicit SharedSequence(std::size_t count, std::optional<RLock> lock = {})
        : SharedData(shape_of<Array, T>(), bytes_for(type_name<Array>(), count, sizeof(T)), nullptr,
                     std::move(lock)) {}
    explicit SharedSequence(std::span<const T> items, std::optional<RLock> lock = {})
        : SharedData(shape_of<Array, T>(), items.size_bytes(), items.data(), std::move(lock)) {}
    explicit SharedSequence(Handle handle) : SharedData(std::move(handle), shape_of<Array, T>()) {}
};

}  // namespace detail

/// A fixed number of values in shared memory, with a lock.
///
/// A handle, as Value is. get(), set() and with() take the lock; [], iterators, data() and span() do not.
/// @tparam T  trivially copyable, without pointers
/// @par Thread safety   as said @par Process safety  the same
/// @see Python: multiprocessing.Array
template <class T>
class Array : public detail::SharedSequence<Array<T>, T> {
    using Base = detail::SharedSequence<Array, T>;

  public:
    /// None yet, to be assigned or received into: every use throws StateError.
    Array() = default;
    /// `count` zeros. @throws ValueError, HeapExhausted  they are too many
    explicit Array(std::size_t count) : Base(count) {}
    Array(std::size_t count, RLock lock) : Base(count, std::move(lock)) {}
    /// A copy of what a range has.
    template <detail::InputRange R>
    requires(!std::derived_from<std::remove_cvref_t<R>, detail::Handle>) explicit Array(
        R&& range, std::optional<RLock> lock = {})
        : Base(std::span<const T>(detail::collected<T>(range)), std::move(lock)) {}
    explicit Array(std::initializer_list<T> items, std::optional<RLock> lock = {})
        : Base(std::span<const T>(items.begin(), items.size()), std::move(lock)) {}
    /// The array that a message names. @throws TypeMismatch
    explicit Array(detail::Handle handle) : Base(std::move(handle)) {}

    /// A copy of an element. @throws IndexError, OwnerDied
    T get(std::size_t index) const {
        const std::lock_guard guard(get_lock());
        return (*this)[index];
    }
    /// Replaces an element. @throws IndexError, OwnerDied
    void set(std::size_t index, T value) const {
        const std::lock_guard guard(get_lock());
        (*this)[index] = value;
    }
    /// The lock: its own, or the one that it was given.
    RLock& get_lock() const { return this->its_lock(); }
    /// Calls f(std::span<T>) under the lock. @returns what f returns @throws OwnerDied, and what f throws
    template <std::invocable<std::span<T>> F>
    auto with(F&& f) const {
        const std::lock_guard guard(get_lock());
        return std::forward<F>(f)(this->span());
    }
};
template <detail::InputRange R>
Array(R&&) -> Array<detail::RangeValue<R>>;
template <detail::InputRange R>
Array(R&&, RLock) -> Array<detail::RangeValue<R>>;

/// A fixed number of values in shared memory without a lock. A handle, as Value is.
/// @par Thread safety   none: whoever reads while another writes may see half of both
/// @par Process safety  the same
/// @see Python: multiprocessing.sharedctypes.RawArray
template <class T>
class RawArray : public detail::SharedSequence<RawArray<T>, T> {
    using Base = detail::SharedSequence<RawArray, T>;

  public:
    /// None yet, to be assigned or received into: every use throws StateError.
    RawArray() = default;
    explicit RawArray(std::size_t count) : Base(count) {}
    template <detail::InputRange R>
    requires(!std::derived_from<std::remove_cvref_t<R>, detail::Handle>) explicit RawArray(R&& range)
        : Base(std::span<const T>(detail::collected<T>(range))) {}
    explicit RawArray(std::initializer_list<T> items)
        : Base(std::span<const T>(items.begin(), items.size())) {}
    explicit RawArray(detail::Handle handle) : Base(std::move(handle)) {}

    /// A copy of an element. @throws IndexError
    T get(std::size_t index) const { return (*this)[index]; }
    /// Replaces an element. @throws IndexError
    void set(std::size_t index, T value) const { (*this)[index] = value; }
};
template <detail::InputRange R>
RawArray(R&&) -> RawArray<detail::RangeValue<R>>;

}  // namespace procession::inline v0
