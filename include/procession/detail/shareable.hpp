// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <type_traits>

namespace procession::inline v0::detail {

/// Whether a type is an address by another name. What a struct has inside, nobody can see.
template <class T>
inline constexpr bool is_address =
    std::is_pointer_v<std::remove_all_extents_t<T>> || std::is_member_pointer_v<T>;
template <class T, std::size_t N>
inline constexpr bool is_address<std::span<T, N>> = true;
template <class C, class Traits>
inline constexpr bool is_address<std::basic_string_view<C, Traits>> = true;
template <class T, std::size_t N>
inline constexpr bool is_address<std::array<T, N>> = is_address<T>;

/// What may lie in shared memory as it is.
template <class T>
constexpr void require_shareable() {
    static_assert(
        std::is_trivially_copyable_v<T>,
        "only a trivially copyable type can lie in shared memory as it is: use a struct of "
        "numbers and arrays, or a container of the library (shared_vector, shared_string, ...)");
    static_assert(!is_address<T>,
                  "a pointer means nothing in another process: share what it points to, or an index");
    static_assert(alignof(T) <= 64, "shared memory is aligned to 64 bytes at the most");
}

}  // namespace procession::inline v0::detail
