// SPDX-License-Identifier: Apache-2.0
#pragma once

// A callable with its arguments: run in place after a fork, or written down and run elsewhere.

#include <procession/detail/function_table.hpp>

#include <memory>
#include <tuple>
#include <utility>

namespace procession::inline v0::detail {

/// Text that the callee takes as it likes.
struct Text {
    std::string& text;
    operator std::string() const { return std::move(text); }
    operator std::string_view() const { return text; }
    operator const char*() const { return text.c_str(); }
};

/// How an argument is handed over: handles as lvalues, everything else as an rvalue.
template <class T>
decltype(auto) hand_over(T& argument) {
    if constexpr (HandleType<T>)
        return (argument);
    else
        return std::move(argument);
}
template <class T>
decltype(auto) hand_over_text(T& argument) {
    if constexpr (std::is_same_v<T, std::string>)
        return Text{argument};
    else
        return hand_over(argument);
}

template <class F, class... A>
concept CallableWith = requires(F& f, A&... a) { f(hand_over(a)...); } ||
                       requires(F& f, A&... a) { f(hand_over_text(a)...); };

template <class F, class... A>
decltype(auto) call(F& function, A&... arguments) {
    if constexpr (requires { function(hand_over(arguments)...); })
        return function(hand_over(arguments)...);
    else
        return function(hand_over_text(arguments)...);
}

PROCESSION_API void save_place(NativeWriter&, const PlaceName&);
PROCESSION_API PlaceName load_place(NativeReader&);

template <class F>
inline constexpr bool is_function_pointer = std::is_pointer_v<F> && std::is_function_v<std::remove_pointer_t<F>>;
template <class F>
inline constexpr bool is_captureless = std::is_empty_v<F> && std::is_default_constructible_v<F>;

/// Whether a callable can be named in another process.
template <class F>
inline constexpr bool is_sendable_callable =
    is_function_pointer<F> || is_captureless<F> || (CerealSerializable<F> && std::is_default_constructible_v<F>);

template <class F>
void save_callable(NativeWriter& writer, const F& function) {
    if constexpr (is_function_pointer<F>)
        save_place(writer, name_of_code(reinterpret_cast<const void*>(function)));
    else if constexpr (!is_captureless<F>)
        detail::save_value(writer, function);
}

template <class F>
F load_callable(NativeReader& reader) {
    if constexpr (is_function_pointer<F>)
        return reinterpret_cast<F>(const_cast<void*>(find_code(load_place(reader))));
    else if constexpr (is_captureless<F>)
        return F{};
    else
        return detail::load_value<F>(reader);
}

/// What a process runs.
class Target {
  public:
    virtual ~Target() = default;
    /// Runs it here, with the arguments as they were given; once.
    virtual void run() = 0;
    /// Writes callable and arguments, and says which entry reads them.
    virtual const FunctionEntry& write(NativeWriter&) const = 0;
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
    std::apply([&](A&... each) { call(function, each...); }, arguments);
}

template <class F, class... A>
class TargetOf final : public Target {
  public:
    template <class G, class... B>
    explicit TargetOf(G&& function, B&&... arguments)
        : function_(std::forward<G>(function)), arguments_(std::forward<B>(arguments)...) {}

    void run() override {
        std::apply([&](A&... each) { call(function_, each...); }, arguments_);
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

/// A callable with its first arguments fixed.
template <class F, class... A>
class Bound {
  public:
    Bound() requires std::is_default_constructible_v<F> = default;
    template <class G, class... B>
    explicit Bound(std::in_place_t, G&& function, B&&... arguments)
        : function_(std::forward<G>(function)), arguments_(std::forward<B>(arguments)...) {}

    template <class... B>
        requires CallableWith<F, A..., B...>
    decltype(auto) operator()(B... rest) {
        return std::apply([&](A&... each) -> decltype(auto) { return call(function_, each..., rest...); },
                          arguments_);
    }
    void save(NativeWriter& writer) const {
        save_callable(writer, function_);
        std::apply([&](const A&... each) { (detail::save_value(writer, each), ...); }, arguments_);
    }
    void load(NativeReader& reader) {
        function_ = load_callable<F>(reader);
        std::apply([&](A&... each) { ((each = detail::load_value<A>(reader)), ...); }, arguments_);
    }

  private:
    F function_{};
    std::tuple<A...> arguments_;
};

}  // namespace procession::inline v0::detail
