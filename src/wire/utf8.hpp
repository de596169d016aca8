// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace procession::inline v0::detail {

struct Decoded {
    char32_t code;
    std::size_t size;  ///< bytes that it takes
};
/// The first character of a text that is not empty; none where that is no UTF-8 (RFC 3629: the shortest
/// form only, and no surrogates).
std::optional<Decoded> decode_utf8(std::string_view text);
bool is_utf8(std::string_view text);

}  // namespace procession::inline v0::detail
