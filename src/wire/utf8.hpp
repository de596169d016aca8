// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace procession::inline v0::detail {

struct Decoded {
    char32_t code;
    std::size_t size;  ///< bytes that it takes
};
/// What becomes of surrogates, which are no characters, but which a str of Python's may hold.
enum class Surrogates : bool { refuse, pass };
/// The first character of a text that is not empty; none where that is no UTF-8 (RFC 3629: the shortest
/// form only).
std::optional<Decoded> decode_utf8(std::string_view text, Surrogates surrogates = Surrogates::refuse);
bool is_utf8(std::string_view text, Surrogates surrogates = Surrogates::refuse);
/// Adds a character of up to U+10FFFF.
void append_utf8(std::string& text, char32_t code);

}  // namespace procession::inline v0::detail
