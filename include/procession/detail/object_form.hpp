// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/object_place.hpp>
#include <procession/object.hpp>

#include <concepts>
#include <cstdint>
#include <type_traits>

// What a form is: the way one family of types has to Objects and back.
//
//     struct Form {
//         static constexpr Kinds kinds = ...;
//         static Object write(const Place&, const T& value);
//         static void read(const Place&, const Object&, T& value);
//     };
namespace procession::inline v0::detail::forms {

using Kind = Object::Kind;
/// Kinds of Objects, as bits.
using KindSet = std::uint32_t;
inline constexpr KindSet all_kinds = ~KindSet{0};
constexpr KindSet set_of(std::same_as<Kind> auto... kinds) {
    return ((KindSet{1} << static_cast<unsigned>(kinds)) | ... | KindSet{0});
}

/// What a value may be read from, so that the alternatives of a variant need not all be tried.
struct Kinds {
    KindSet exact = all_kinds;
    KindSet any = exact;
    constexpr bool have(Kind kind, bool exactly) const {
        return ((exactly ? exact : any) & set_of(kind)) != 0;
    }
    friend constexpr Kinds operator|(Kinds left, Kinds right) {
        return {left.exact | right.exact, left.any | right.any};
    }
};

/// Finds a family's form, in this namespace: `form_of(Here(), static_cast<const T*>(nullptr))` is one. What
/// is derived from a type of the standard library has that one's.
struct Here {};
void form_of(Here, const void*);
template <class T>
using FormOf = decltype(form_of(Here(), static_cast<const T*>(nullptr)));
template <class T>
concept HasForm = !std::is_void_v<FormOf<T>>;

// ---- what the forms of composed types call for their parts

template <class T>
Object write(const Place&, const T& value);
template <class T>
void read(const Place&, const Object&, T& value);
/// Makes one and reads it.
template <class T>
T read(const Place&, const Object&);
template <class T>
constexpr Kinds kinds_of();

}  // namespace procession::inline v0::detail::forms
