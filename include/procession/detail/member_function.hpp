// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/type_name.hpp>
#include <procession/serialize.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

// What is known of a member function, or a function whose first parameter is the object, from its type.
namespace procession::inline v0::detail {

template <class R, class... A>
struct Signature {
    using Result = R;
    using Arguments = std::tuple<A...>;
    /// Its first parameter is a std::stop_token, which no caller gives.
    static constexpr bool takes_stop = false;
};
template <class R, class... A>
struct Signature<R, std::stop_token, A...> : Signature<R, A...> {
    static constexpr bool takes_stop = true;
};
template <class R, class... A>
struct Signature<R, const std::stop_token&, A...> : Signature<R, std::stop_token, A...> {};

template <class R, class C, class... A>
Signature<R, A...> signature_of(R (C::*)(A...));
template <class R, class C, class... A>
Signature<R, A...> signature_of(R (C::*)(A...) const);
template <class R, class C, class... A>
Signature<R, A...> signature_of(R (C::*)(A...) &);
template <class R, class C, class... A>
Signature<R, A...> signature_of(R (C::*)(A...) const&);
template <class R, class C, class... A>
Signature<R, A...> signature_of(R (*)(C&, A...));

template <auto Member>
using SignatureOf = decltype(signature_of(Member));

template <auto Member>
struct MemberTag {};
/// The same for the same member function in every process of one build.
template <auto Member>
constexpr std::uint64_t member_tag() {
    return hash(raw_type_name<MemberTag<Member>>(), fingerprint<decltype(Member)>());
}

/// Hands an argument over as its parameter wants it: text as it spells that, and what is not referred to as
/// an rvalue.
template <class Parameter, class S>
decltype(auto) hand_to(S& stored) {
    if constexpr (std::is_pointer_v<std::remove_cvref_t<Parameter>> && std::is_same_v<S, std::string>)
        return stored.c_str();
    else if constexpr (std::is_lvalue_reference_v<Parameter>)
        return (stored);
    else
        return std::move(stored);
}

template <class T>
inline constexpr bool is_owning_pointer = false;
template <class T>
inline constexpr bool is_owning_pointer<std::shared_ptr<T>> = true;
template <class T, class D>
inline constexpr bool is_owning_pointer<std::unique_ptr<T, D>> = true;

template <class R>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

}  // namespace procession::inline v0::detail
