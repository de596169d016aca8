// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// A function as a value that can be sent.

#include <procession/detail/target.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace procession::inline v0 {

template <class Signature>
class Function;

namespace detail {

/// What a Function holds, of whatever type it is.
template <class Signature>
class Callable;

template <class R, class... A>
class Callable<R(A...)> {
  public:
    virtual ~Callable() = default;
    virtual R call(A&&... arguments) = 0;
    virtual std::unique_ptr<Callable> clone() const = 0;
    virtual void save(NativeWriter&) const = 0;
    /// What reads in another process what save() wrote.
    virtual const FunctionEntry& entry() const = 0;
};

template <class F, class Signature>
class CallableOf;

template <class F, class R, class... A>
class CallableOf<F, R(A...)> final : public Callable<R(A...)> {
  public:
    using Interface = Callable<R(A...)>;
    explicit CallableOf(F&& function) : function_(std::move(function)) {}

    static std::unique_ptr<Interface> load(NativeReader& reader) {
        return std::make_unique<CallableOf>(load_callable<F>(reader));
    }
    R call(A&&... arguments) override {
        if constexpr (std::is_void_v<R>)
            std::invoke(function_, std::forward<A>(arguments)...);
        else
            return std::invoke(function_, std::forward<A>(arguments)...);
    }
    std::unique_ptr<Interface> clone() const override {
        if constexpr (std::is_copy_constructible_v<F>) {
            return std::make_unique<CallableOf>(F(function_));
        } else {
            // It can only be moved, but sent as well: the copy is what would arrive.
            Buffer buffer;
            NativeWriter writer(buffer);
            save(writer);
            NativeReader reader(buffer.bytes());
            return load(reader);
        }
    }
    void save(NativeWriter& writer) const override { save_callable(writer, function_); }
    const FunctionEntry& entry() const override { return entry_of<&CallableOf::load>; }

  private:
    F function_;
};

}  // namespace detail

/// Like std::function, but it can be sent: as an argument of a process, in a queue, inside other values.
///
/// Made from any callable that every start method takes: functions, pointers to functions and (other
/// than virtual) member functions, lambdas without captures, objects with a cereal serialize function,
/// and mp::bind(f, args...). Anything else does not compile. A value: a copy has its own state.
/// @par Thread safety   as std::function: as safe as what it holds
/// @par Process safety  each process has its own copy
template <class R, class... A>
class Function<R(A...)> {
  public:
    using result_type = R;

    /// Holds nothing.
    Function() noexcept = default;
    Function(std::nullptr_t) noexcept {}
    /// Holds `callable`; nothing if that is a null pointer or an empty Function.
    template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, Function> &&
             std::is_invocable_r_v<R, std::decay_t<F>&, A...>) Function(F&& callable) {
        using Stored = std::decay_t<F>;
        static_assert(
            detail::is_sendable_callable<Stored>,
            "a Function can be sent, and this callable cannot: use a function, a lambda without "
            "captures or an object with a cereal serialize function, and pass what a lambda "
            "would capture by mp::bind(f, args...)");
        if constexpr (detail::is_sendable_callable<Stored>) {
            Stored function(std::forward<F>(callable));
            if constexpr (requires { function == nullptr; })
                if (function == nullptr) return;
            callable_ = std::make_unique<detail::CallableOf<Stored, R(A...)>>(std::move(function));
        }
    }
    Function(const Function& other) : callable_(other ? other.callable_->clone() : nullptr) {}
    Function(Function&&) noexcept = default;
    Function& operator=(const Function& other) {
        callable_ = std::move(Function(other).callable_);
        return *this;
    }
    Function& operator=(Function&&) noexcept = default;

    /// Whether it holds something.
    explicit operator bool() const noexcept { return callable_ != nullptr; }
    friend bool operator==(const Function& function, std::nullptr_t) noexcept { return !function; }

    /// Calls what it holds. @throws std::bad_function_call it holds nothing
    R operator()(A... arguments) const {
        if (!callable_) throw std::bad_function_call();
        return callable_->call(std::forward<A>(arguments)...);
    }

    /// For the archives. @throws SerializationError  what it holds has no name in another process
    void save(NativeWriter& writer) const {
        writer(callable_ != nullptr);
        if (!callable_) return;
        detail::save_place(writer, detail::name_of(callable_->entry()));
        callable_->save(writer);
    }
    /// @throws StateError  what was sent is no function of this signature in this program
    void load(NativeReader& reader) {
        bool holds = false;
        reader(holds);
        callable_ =
            holds ? detail::find_entry(detail::load_place(reader)).template call<Held>(reader) : nullptr;
    }

  private:
    using Held = std::unique_ptr<detail::Callable<R(A...)>>;
    Held callable_;
};

}  // namespace procession::inline v0
