// SPDX-License-Identifier: Apache-2.0
#include "wire/utf8.hpp"

namespace procession::inline v0::detail {

std::optional<Decoded> decode_utf8(std::string_view text, Surrogates surrogates) {
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
    if (code < least[size - 2] || code > 0x10ffff) return std::nullopt;
    if (code >= 0xd800 && code < 0xe000 && surrogates == Surrogates::refuse) return std::nullopt;
    return Decoded{code, size};
}

bool is_utf8(std::string_view text, Surrogates surrogates) {
    while (!text.empty()) {
        const auto next = decode_utf8(text, surrogates);
        if (!next) return false;
        text.remove_prefix(next->size);
    }
    return true;
}

void append_utf8(std::string& text, char32_t code) {
    const auto add = [&](char32_t byte) { text += static_cast<char>(byte); };
    const auto add_rest = [&](unsigned shift) { add(0x80 | (code >> shift & 0x3f)); };
    if (code < 0x80) return add(code);
    if (code < 0x800) {
        add(0xc0 | code >> 6);
    } else {
        if (code < 0x10000) {
            add(0xe0 | code >> 12);
        } else {
            add(0xf0 | code >> 18);
            add_rest(12);
        }
        add_rest(6);
    }
    add_rest(0);
}

}  // namespace procession::inline v0::detail
