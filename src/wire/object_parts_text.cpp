// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <procession/detail/object_parts.hpp>

#include "wire/object_node.hpp"
#include "wire/utf8.hpp"

namespace procession::inline v0::detail {
namespace {

bool is_surrogate(char32_t code) { return code >= 0xd800 && code < 0xe000; }
bool is_high_surrogate(char32_t code) { return code >= 0xd800 && code < 0xdc00; }
bool is_low_surrogate(char32_t code) { return code >= 0xdc00 && code < 0xe000; }

constexpr char32_t last_character = 0x10ffff;
constexpr char32_t first_pair = 0x10000;

void append_character(const Place& place, std::string& text, char32_t code) {
    if (is_surrogate(code) || code > last_character)
        throw_unnatural(place,
                        fmt::format("U+{:04X} is no character", static_cast<std::uint32_t>(code)));
    append_utf8(text, code);
}

}  // namespace

Object write_text(const Place& place, std::string_view text) {
    if (!is_utf8(text))
        throw_unnatural(place,
                        "a str is text in UTF-8, which this is not. Send a std::vector<std::byte>.");
    return make_text(text);
}

Object write_text(const Place& place, std::u16string_view units) {
    std::string text;
    for (std::size_t i = 0; i < units.size(); ++i) {
        char32_t code = units[i];
        if (is_high_surrogate(code) && i + 1 < units.size() && is_low_surrogate(units[i + 1]))
            code = first_pair + ((code & 0x3ff) << 10) + (units[++i] & 0x3ff);
        append_character(place, text, code);
    }
    return make_text(text);
}

Object write_text(const Place& place, std::u32string_view characters) {
    std::string text;
    for (const char32_t each : characters) append_character(place, text, each);
    return make_text(text);
}

std::string_view read_text(const Place& place, const Object& object) {
    if (!object.is_str()) throw_wanted(place, "a str", object);
    return object.text();
}

std::u32string read_text32(const Place& place, const Object& object) {
    std::u32string characters;
    for (std::string_view text = read_text(place, object); !text.empty();) {
        const Decoded next = *decode_utf8(text, Surrogates::pass);
        characters += next.code;
        text.remove_prefix(next.size);
    }
    return characters;
}

std::u16string read_text16(const Place& place, const Object& object) {
    std::u16string units;
    for (const char32_t each : read_text32(place, object)) {
        if (each < first_pair) {
            units += static_cast<char16_t>(each);
        } else {
            units += static_cast<char16_t>(0xd800 + ((each - first_pair) >> 10));
            units += static_cast<char16_t>(0xdc00 + ((each - first_pair) & 0x3ff));
        }
    }
    return units;
}

char32_t read_character(const Place& place, const Object& object, char32_t most, TypeName type) {
    constexpr std::size_t longest = 4;  // bytes
    if (!object.is_str() || object.text().empty() || object.text().size() > longest ||
        object.size() != 1)
        throw_wanted(place, "a str of one character", object);
    const char32_t code = decode_utf8(object.text(), Surrogates::pass)->code;
    if (code > most) throw_does_not_fit(place, object, type());
    return code;
}

}  // namespace procession::inline v0::detail
