// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/pfr/core.hpp>

#include <cstddef>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace procession::inline v0::detail {

template <class T>
constexpr bool refers_to_memory();

template <class T, std::size_t... I>
constexpr bool a_field_refers_to_memory(std::index_sequence<I...>) {
    return (refers_to_memory<boost::pfr::tuple_element_t<I, T>>() || ...);
}

template <class T>
inline constexpr bool is_view = false;
template <class T, std::size_t N>
inline constexpr bool is_view<std::span<T, N>> = true;
template <class C, class Traits>
inline constexpr bool is_view<std::basic_string_view<C, Traits>> = true;

/// Whether a value of the type holds an address, as far as can be seen: of aggregates the fields are.
template <class T>
constexpr bool refers_to_memory() {
    using Plain = std::remove_cv_t<std::remove_all_extents_t<T>>;
    if constexpr (std::is_pointer_v<Plain> || std::is_reference_v<Plain> || is_view<Plain>)
        return true;
    else if constexpr (std::is_class_v<Plain> && std::is_aggregate_v<Plain> && !std::is_empty_v<Plain>)
        return a_field_refers_to_memory<Plain>(
            std::make_index_sequence<boost::pfr::tuple_size_v<Plain>>());
    else
        return false;
}

/// What may lie in shared memory as it is.
template <class T>
constexpr void require_shareable() {
    static_assert(std::is_trivially_copyable_v<T>,
                  "only a trivially copyable type can lie in shared memory as it is: use a struct of "
                  "numbers and arrays, or a container of the library (shared_vector, shared_string, ...)");
    if constexpr (std::is_trivially_copyable_v<T>)
        static_assert(!refers_to_memory<T>(),
                      "a pointer means nothing in another process: share what it points to, or an index");
    static_assert(alignof(T) <= 64, "shared memory is aligned to 64 bytes at the most");
}

}  // namespace procession::inline v0::detail
