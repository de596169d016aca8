// SPDX-License-Identifier: Apache-2.0
#include "wire/pickle_text.hpp"

#include <fmt/format.h>

#include <charconv>

#include "wire/utf8.hpp"

namespace procession::inline v0::pickle {

using detail::append_utf8;
using detail::decode_utf8;
using detail::Surrogates;

namespace {

/// As many digits as are wanted, at the text's beginning, which are taken off it.
std::optional<char32_t> take_number(std::string_view& text, std::size_t digits, int base) {
    if (text.size() < digits) return std::nullopt;
    std::uint32_t value = 0;
    const auto [rest, error] = std::from_chars(text.data(), text.data() + digits, value, base);
    if (error != std::errc() || rest != text.data() + digits) return std::nullopt;
    text.remove_prefix(digits);
    return value;
}

/// The byte that an escape stands for; the backslash is gone already.
std::optional<char> take_escaped(std::string_view& text) {
    constexpr std::string_view letters = "\\'\"abfnrtv";
    constexpr std::string_view bytes = "\\'\"\a\b\f\n\r\t\v";
    if (text.empty()) return std::nullopt;
    if (text[0] >= '0' && text[0] <= '7') {
        const std::size_t digits = std::min<std::size_t>(3, text.find_first_not_of("01234567"));
        const auto value = take_number(text, std::min(digits, text.size()), 8);
        return value ? std::optional(static_cast<char>(*value)) : std::nullopt;
    }
    const char letter = text[0];
    text.remove_prefix(1);
    if (letter == 'x') {
        const auto value = take_number(text, 2, 16);
        return value ? std::optional(static_cast<char>(*value)) : std::nullopt;
    }
    const std::size_t at = letters.find(letter);
    return at == letters.npos ? std::nullopt : std::optional(bytes[at]);
}

}  // namespace

std::optional<std::string> read_raw_unicode_escape(std::string_view line) {
    std::string text;
    while (!line.empty()) {
        const char byte = line[0];
        line.remove_prefix(1);
        const bool is_short = byte == '\\' && line.starts_with('u');
        if (!is_short && !(byte == '\\' && line.starts_with('U'))) {
            append_utf8(text, static_cast<unsigned char>(byte));
            continue;
        }
        line.remove_prefix(1);
        const auto code = take_number(line, is_short ? 4 : 8, 16);
        if (!code || *code > 0x10ffff) return std::nullopt;
        append_utf8(text, *code);
    }
    return text;
}

std::string write_raw_unicode_escape(std::string_view text) {
    constexpr std::string_view special("\\\0\n\r\x1a", 5);
    std::string line;
    while (!text.empty()) {
        const auto [code, size] = *decode_utf8(text, Surrogates::pass);
        text.remove_prefix(size);
        const auto number = static_cast<std::uint32_t>(code);
        if (code > 0xffff)
            line += fmt::format("\\U{:08x}", number);
        else if (code > 0xff || special.find(static_cast<char>(code)) != special.npos)
            line += fmt::format("\\u{:04x}", number);
        else
            line += static_cast<char>(code);
    }
    return line;
}

std::optional<std::string> read_quoted(std::string_view line) {
    const auto is_quote = [](char byte) { return byte == '\'' || byte == '"'; };
    if (line.size() < 2 || !is_quote(line.front()) || line.back() != line.front()) return std::nullopt;
    line = line.substr(1, line.size() - 2);
    std::string text;
    while (!line.empty()) {
        const char byte = line[0];
        line.remove_prefix(1);
        if (byte != '\\') {
            text += byte;
            continue;
        }
        const auto escaped = take_escaped(line);
        if (!escaped) return std::nullopt;
        text += *escaped;
    }
    return text;
}

std::string utf8_of_latin1(std::string_view bytes) {
    std::string text;
    for (const char each : bytes) append_utf8(text, static_cast<unsigned char>(each));
    return text;
}

std::optional<std::string> latin1_of_utf8(std::string_view text) {
    std::string bytes;
    while (!text.empty()) {
        const auto [code, size] = *decode_utf8(text, Surrogates::pass);
        if (code > 0xff) return std::nullopt;
        bytes += static_cast<char>(code);
        text.remove_prefix(size);
    }
    return bytes;
}

}  // namespace procession::inline v0::pickle
