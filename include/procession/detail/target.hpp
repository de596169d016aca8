// SPDX-License-Identifier: Apache-2.0
#pragma once

// A callable with its arguments: run in place after a fork, or written down and run elsewhere.

#include <procession/detail/function_table.hpp>

#include <bit>
#include <functional>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

namespace procession::inline v0::detail {

/// Text that the callee takes as it likes: moved out of, unless it is const.
template <class String>
struct Text {
    String& text;
    operator std::string() const { return std::move(text); }
    operator std::string_view() const { return text; }
    operator const char*() const { return text.c_str(); }
};

/// How an argument is handed over to its last use: handles and connections as lvalues, everything else as
/// an rvalue.
template <class T>
decltype(auto) hand_over(T& argument) {
    if constexpr (is_handed_over_as_lvalue<T>)
        return (argument);
    else
        return std::move(argument);
}
/// How it is lent to a use that others may follow.
template <class T>
decltype(auto) lend(T& argument) {
    if constexpr (is_handed_over_as_lvalue<T>)
        return (argument);
    else
        return std::as_const(argument);
}
template <class T>
decltype(auto) hand_over_text(T& argument) {
    if constexpr (std::is_same_v<T, std::string>)
        return Text<std::string>{argument};
    else
        return hand_over(argument);
}
template <class T>
decltype(auto) lend_text(T& argument) {
    if constexpr (std::is_same_v<T, std::string>)
        return Text<const std::string>{argument};
    else
        return lend(argument);
}

template <class T>
using HandedOver = decltype(hand_over(std::declval<T&>()));
template <class T>
using HandedOverText = decltype(hand_over_text(std::declval<T&>()));
template <class T>
using Lent = decltype(lend(std::declval<T&>()));
template <class T>
using LentText = decltype(lend_text(std::declval<T&>()));

template <class F, class... A>
concept CallableWith = std::is_invocable_v<F, HandedOver<A>...> ||
    std::is_invocable_v<F, HandedOverText<A>...> || std::is_invocable_v<F, A...>;

/// The one call of a function with arguments that are its own.
template <class F, class... A>
decltype(auto) call(F&& function, A&... arguments) {
    if constexpr (std::is_invocable_v<F, HandedOver<A>...>)
        return std::invoke(std::forward<F>(function), hand_over(arguments)...);
    else if constexpr (std::is_invocable_v<F, HandedOverText<A>...>)
        return std::invoke(std::forward<F>(function), hand_over_text(arguments)...);
    else  // it takes a connection, which has no copies, by value
        return std::invoke(std::forward<F>(function), std::move(arguments)...);
}

template <class F>
inline constexpr bool is_function_pointer =
    std::is_pointer_v<F>&& std::is_function_v<std::remove_pointer_t<F>>;
template <class F>
inline constexpr bool is_captureless = std::is_empty_v<F>&& std::is_default_constructible_v<F>;

/// Whether a callable can be named in another process.
template <class F>
inline constexpr bool is_sendable_callable = is_function_pointer<F> ||
                                             std::is_member_function_pointer_v<F> || is_captureless<F> ||
                                             (CerealSerializable<F> &&
                                              std::is_default_constructible_v<F>);

template <class M, class C>
constexpr std::size_t size_of_class(M C::*) {
    return sizeof(C);
}

template <class F>
void save_callable(NativeWriter& writer, const F& function) {
    if constexpr (is_function_pointer<F>)
        save_place(writer, name_of_code(reinterpret_cast<const void*>(function)));
    else if constexpr (std::is_member_function_pointer_v<F>)
        save_member_function(writer, std::bit_cast<MemberFunction>(function));
    else if constexpr (!is_captureless<F>)
        detail::save_value(writer, function);
}

template <class F>
F load_callable(NativeReader& reader) {
    if constexpr (is_function_pointer<F>)
        return reinterpret_cast<F>(const_cast<void*>(find_code(load_place(reader))));
    else if constexpr (std::is_member_function_pointer_v<F>)
        return std::bit_cast<F>(load_member_function(reader, size_of_class(F{})));
    else if constexpr (is_captureless<F>)
        return F{};
    else
        return detail::load_value<F>(reader);
}

template <class T>
concept Referable = requires(Buffer& buffer, const T& value) {
    refer(buffer, value);
};
/// Notes which of the library's objects an argument is, or which results are in it.
template <class T>
void refer_to(Buffer& buffer, const T& argument) {
    if constexpr (HandleType<T>)
        buffer.refer(argument.offset());
    else if constexpr (Referable<T>)
        refer(buffer, argument);
    else if constexpr (requires {
                           typename T::value_type;
                           requires Referable<typename T::value_type>;
                       })
        for (const auto& each : argument) refer(buffer, each);
}

/// What a process runs.
class Target {
  public:
    virtual ~Target() = default;
    /// Runs it here, with the arguments as they were given; once.
    virtual void run() = 0;
    /// Writes callable and arguments, and says which entry reads them.
    virtual const FunctionEntry& write(NativeWriter&) const = 0;
    /// Notes only which of the library's objects are among the arguments.
    virtual void refer(Buffer&) const = 0;
};

[[noreturn]] PROCESSION_API void throw_not_sendable(std::size_t position, const std::string& type);

/// Called once everything was read: the message, and what it holds, may go.
PROCESSION_API void arguments_are_read();

template <class F, class... A>
void invoke(NativeReader& reader) {
    F function = load_callable<F>(reader);
    // Braces: the arguments are read in their order.
    std::tuple<A...> arguments{detail::load_value<A>(reader)...};
    arguments_are_read();
    std::apply([&](A&... each) { call(std::move(function), each...); }, arguments);
}

template <class F, class... A>
class TargetOf final : public Target {
  public:
    template <class G, class... B>
    explicit TargetOf(G&& function, B&&... arguments)
        : function_(std::forward<G>(function)), arguments_(std::forward<B>(arguments)...) {}

    void run() override {
        std::apply([&](A&... each) { call(std::move(function_), each...); }, arguments_);
    }
    const FunctionEntry& write(NativeWriter& writer) const override {
        if constexpr (is_sendable_callable<F> && (Sendable<A> && ...)) {
            save_callable(writer, function_);
            std::apply([&](const A&... each) { (detail::save_value(writer, each), ...); }, arguments_);
            return entry_of<&invoke<F, A...>>;
        } else {
            if constexpr (!is_sendable_callable<F>) throw_not_sendable(0, type_name<F>());
            std::size_t position = 0;
            ((++position, Sendable<A> ? void() : throw_not_sendable(position, type_name<A>())), ...);
            throw_not_sendable(position, "?");
        }
    }
    void refer(Buffer& buffer) const override {
        std::apply([&](const A&... each) { (refer_to(buffer, each), ...); }, arguments_);
    }

  private:
    F function_;
    std::tuple<A...> arguments_;
};

template <class F, class... A>
std::unique_ptr<Target> make_target(F&& function, A&&... arguments) {
    static_assert(CallableWith<std::decay_t<F>, Stored<A>...>,
                  "the target cannot be called with these arguments");
    return std::make_unique<TargetOf<std::decay_t<F>, Stored<A>...>>(std::forward<F>(function),
                                                                     std::forward<A>(arguments)...);
}

/// A callable with its first arguments fixed. Empty until it is loaded, where it was not made by bind.
template <class F, class... A>
class Bound {
    template <class... B>
    static constexpr bool callable_lending =
        std::is_invocable_v<F&, Lent<A>..., B...> || std::is_invocable_v<F&, LentText<A>..., B...>;
    template <class... B>
    static constexpr bool callable_once = std::is_invocable_v<F, HandedOver<A>..., B...> ||
                                          std::is_invocable_v<F, HandedOverText<A>..., B...>;
    static constexpr bool copyable =
        std::is_copy_constructible_v<F> && (std::is_copy_constructible_v<A> && ...);
    static constexpr bool sendable = is_sendable_callable<F> && (Sendable<A> && ...);

  public:
    Bound() = default;
    template <class G, class... B>
    explicit Bound(std::in_place_t, G&& function, B&&... arguments)
        : call_(std::in_place, std::piecewise_construct,
                std::forward_as_tuple(std::forward<G>(function)),
                std::forward_as_tuple(std::forward<B>(arguments)...)) {}

    /// One call of several: the fixed arguments are lent, or copied for a callee that keeps them.
    template <class... B>
    requires(callable_lending<B...> || (copyable && callable_once<B...>)) decltype(auto) operator()(
        B&&... rest) & {
        F& function = call_->first;
        return std::apply(
            [&](A&... each) -> decltype(auto) {
                if constexpr (std::is_invocable_v<F&, Lent<A>..., B...>)
                    return std::invoke(function, lend(each)..., std::forward<B>(rest)...);
                else if constexpr (callable_lending<B...>)
                    return std::invoke(function, lend_text(each)..., std::forward<B>(rest)...);
                else
                    return Bound(*this)(std::forward<B>(rest)...);
            },
            call_->second);
    }
    /// The last call.
    template <class... B>
    requires callable_once<B...>
    decltype(auto) operator()(B&&... rest) && {
        F& function = call_->first;
        return std::apply(
            [&](A&... each) -> decltype(auto) {
                if constexpr (std::is_invocable_v<F, HandedOver<A>..., B...>)
                    return std::invoke(std::move(function), hand_over(each)...,
                                       std::forward<B>(rest)...);
                else
                    return std::invoke(std::move(function), hand_over_text(each)...,
                                       std::forward<B>(rest)...);
            },
            call_->second);
    }

    void save(NativeWriter& writer) const requires sendable {
        save_callable(writer, call_->first);
        std::apply([&](const A&... each) { (detail::save_value(writer, each), ...); }, call_->second);
    }
    void load(NativeReader& reader) requires sendable {
        F function = load_callable<F>(reader);
        // Braces: the arguments are read in their order.
        std::tuple<A...> arguments{detail::load_value<A>(reader)...};
        call_.emplace(std::move(function), std::move(arguments));
    }

  private:
    std::optional<std::pair<F, std::tuple<A...>>> call_;
};

}  // namespace procession::inline v0::detail
