// SPDX-License-Identifier: Apache-2.0
#include "wire/utf8.hpp"

namespace procession::inline v0::detail {

std::optional<Decoded> decode_utf8(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return Decoded{first, 1};
    const std::size_t size = first < 0xc0   ? 0
                             : first < 0xe0 ? 2
                             : first < 0xf0 ? 3
                             : first < 0xf8 ? 4
                                            : 0;
    if (size == 0 || size > text.size()) return std::nullopt;
    char32_t code = first & (0x7fu >> size);
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return std::nullopt;
        code = code << 6 | (byte(i) & 0x3f);
    }
    constexpr char32_t least[] = {0x80, 0x800, 0x10000};
    const bool surrogate = code >= 0xd800 && code < 0xe000;
    if (code < least[size - 2] || code > 0x10ffff || surrogate) return std::nullopt;
    return Decoded{code, size};
}

bool is_utf8(std::string_view text) {
    while (!text.empty()) {
        const auto next = decode_utf8(text);
        if (!next) return false;
        text.remove_prefix(next->size);
    }
    return true;
}

}  // namespace procession::inline v0::detail
