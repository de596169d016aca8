// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/handle.hpp>

#include <fmt/format.h>

#include <concepts>
#include <ostream>
#include <string>
#include <type_traits>

namespace procession::inline v0::detail {

/// A handle that says how it is printed, with fmt and to streams.
template <class T>
concept PrintableHandle = std::derived_from<T, Handle> && requires(const T& handle) {
    { handle.to_string() } -> std::same_as<std::string>;
};

template <PrintableHandle T>
std::ostream& operator<<(std::ostream& out, const T& handle) {
    return out << handle.to_string();
}

}  // namespace procession::inline v0::detail

template <procession::detail::PrintableHandle T>
struct fmt::formatter<T> : formatter<std::string> {
    auto format(const T& handle, fmt::format_context& context) const {
        return formatter<std::string>::format(handle.to_string(), context);
    }
};

// <fmt/ranges.h> prints all ranges, and would do so with those of the handles that are some.
FMT_BEGIN_NAMESPACE
template <typename T, typename Char>
struct is_range;
template <procession::detail::PrintableHandle T>
struct is_range<T, char> : std::false_type {};
FMT_END_NAMESPACE
