// SPDX-License-Identifier: Apache-2.0
#pragma once

// Calls as bytes, for the pool of a manager's server: it hands them to its workers, and knows neither function nor
// arguments nor result.

#include <procession/detail/export.hpp>
#include <procession/function.hpp>
#include <procession/serialize.hpp>

#include <cstddef>
#include <functional>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace procession::inline v0::detail {

/// A call, or its result, in the native format.
using Packed = std::vector<std::byte>;
using PackedFunction = Function<Packed()>;

/// @throws SerializationError  it refers to handles of the library, which would be gone on the way
PROCESSION_API Packed take_packed(const Buffer& buffer);
PROCESSION_API Packed pack(const PackedFunction& call);
/// Does a call, in the worker.
PROCESSION_API Packed run_packed(const Packed& call);

template <class R>
Packed pack_result(const R& result) {
    Buffer buffer;
    save_message(buffer, result);
    return take_packed(buffer);
}

/// Calls a function once.
template <class F, class... A>
struct SingleCall {
    using Result = std::decay_t<std::invoke_result_t<F&, A...>>;
    Packed operator()(F function, A... arguments) const {
        if constexpr (std::is_void_v<Result>) {
            detail::call(function, arguments...);
            return {};
        } else {
            return pack_result<Result>(detail::call(function, arguments...));
        }
    }
};

/// Calls it for each of some items.
template <class F, class T>
struct ChunkCall {
    using Item = T;
    using Result = std::decay_t<std::invoke_result_t<F&, T>>;
    Packed operator()(F function, std::vector<T> items) const {
        if constexpr (std::is_void_v<Result>) {
            for (T& each : items) std::invoke(function, std::move(each));
            return {};
        } else {
            std::vector<Result> results;
            for (T& each : items) results.push_back(std::invoke(function, std::move(each)));
            return pack_result(results);
        }
    }
};

/// Calls it for each of some tuples of arguments.
template <class F, class T>
struct ChunkStarCall {
    using Item = T;
    using Result = std::decay_t<decltype(std::apply(std::declval<F&>(), std::declval<T>()))>;
    Packed operator()(F function, std::vector<T> items) const {
        if constexpr (std::is_void_v<Result>) {
            for (T& each : items) std::apply(function, std::move(each));
            return {};
        } else {
            std::vector<Result> results;
            for (T& each : items) results.push_back(std::apply(function, std::move(each)));
            return pack_result(results);
        }
    }
};

/// One of these with its function and arguments: what a PackedFunction holds.
template <class Call, class F, class... A>
class CallToSend {
  public:
    CallToSend() = default;
    explicit CallToSend(F function, A... arguments)
        : parts_(std::in_place, std::move(function), std::tuple<A...>(std::move(arguments)...)) {}

    Packed operator()() {
        return std::apply(
            [&](A&... each) { return Call()(std::move(parts_->first), std::move(each)...); },
            parts_->second);
    }
    void save(NativeWriter& writer) const {
        save_callable(writer, parts_->first);
        std::apply([&](const A&... each) { (save_value(writer, each), ...); }, parts_->second);
    }
    void load(NativeReader& reader) {
        F function = load_callable<F>(reader);
        // Braces: the arguments are read in their order.
        std::tuple<A...> arguments{load_value<A>(reader)...};
        parts_.emplace(std::move(function), std::move(arguments));
    }

  private:
    std::optional<std::pair<F, std::tuple<A...>>> parts_;
};

/// Writes a call down.
template <class Call, class F, class... A>
Packed pack_call(F function, A... arguments) {
    static_assert(
        is_sendable_callable<F>,
        "a pool cannot send this callable to its workers: a lambda's captures do not travel. Use a "
        "function, a lambda without captures or an object with a cereal serialize function, and "
        "pass what a lambda would capture by mp::bind(f, args...)");
    (require_sendable<A>(), ...);
    return pack(CallToSend<Call, F, A...>(std::move(function), std::move(arguments)...));
}

}  // namespace procession::inline v0::detail
