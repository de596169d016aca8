// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace procession::inline v0::detail {

template <class T>
constexpr std::string_view raw_type_name() {
    constexpr std::string_view pretty = __PRETTY_FUNCTION__;
    constexpr auto begin = pretty.find("T = ") + 4;
    return pretty.substr(begin, pretty.find_first_of(";]", begin) - begin);
}

/// The name of a type for messages, without the noise of the standard library's own namespaces.
template <class T>
std::string type_name() {
    if constexpr (std::is_same_v<T, std::string>) return "std::string";
    std::string name(raw_type_name<T>());
    for (const std::string_view noise : {"__cxx11::", "procession::v0::"})
        for (auto at = name.find(noise); at != name.npos; at = name.find(noise))
            name.replace(at, noise.size(), noise.front() == 'p' ? "procession::" : "");
    return name;
}

/// FNV-1a. `value`: what the bytes before these gave.
constexpr std::uint64_t hash(std::string_view bytes, std::uint64_t value = 0xcbf29ce484222325) {
    for (const char byte : bytes) value = (value ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
    return value;
}

/// Tells types apart by the compiler's name for the type. Equal in every process of one build.
template <class T>
constexpr std::uint64_t fingerprint() {
    return hash(raw_type_name<T>());
}

}  // namespace procession::inline v0::detail
