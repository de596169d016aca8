// SPDX-License-Identifier: Apache-2.0
#include "wire/python_int.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace procession::inline v0::detail {
namespace {

/// Without a sign; the lowest word first.
using Magnitude = std::vector<std::uint32_t>;
constexpr std::size_t word_size = sizeof(std::uint32_t);
/// As many decimal digits fit into a word.
constexpr std::size_t word_digits = 9;
constexpr std::uint32_t word_limit = 1'000'000'000;

void trim(Magnitude& words) {
    while (!words.empty() && words.back() == 0) words.pop_back();
}

void negate(Magnitude& words) {
    bool carry = true;
    for (std::uint32_t& word : words) {
        word = ~word + (carry ? 1 : 0);
        carry = carry && word == 0;
    }
}

Magnitude magnitude_of(std::span<const std::byte> bytes) {
    const bool negative = is_negative(bytes);
    Magnitude words((bytes.size() + word_size - 1) / word_size, negative ? ~std::uint32_t{0} : 0);
    if (!bytes.empty()) std::memcpy(words.data(), bytes.data(), bytes.size());
    if (negative) negate(words);
    trim(words);
    return words;
}

Object::Bytes bytes_of(Magnitude words, bool negative) {
    words.push_back(0);  // the sign
    if (negative) negate(words);
    const auto bytes = shortest_int(std::as_bytes(std::span(words)));
    return {bytes.begin(), bytes.end()};
}

std::uint32_t divide(Magnitude& words, std::uint32_t divisor) {
    std::uint64_t rest = 0;
    for (auto word = words.rbegin(); word != words.rend(); ++word) {
        rest = rest << 32 | *word;
        *word = static_cast<std::uint32_t>(rest / divisor);
        rest %= divisor;
    }
    trim(words);
    return static_cast<std::uint32_t>(rest);
}

void multiply_and_add(Magnitude& words, std::uint32_t factor, std::uint32_t summand) {
    std::uint64_t carry = summand;
    for (std::uint32_t& word : words) {
        carry += std::uint64_t{word} * factor;
        word = static_cast<std::uint32_t>(carry);
        carry >>= 32;
    }
    if (carry != 0) words.push_back(static_cast<std::uint32_t>(carry));
}

/// None: too many digits.
std::optional<std::string> print_decimal(Magnitude words) {
    // 32 bits are 9.6 digits.
    if (words.size() > max_int_digits / word_digits) return std::nullopt;
    std::string backwards;
    while (!words.empty()) {
        std::uint32_t part = divide(words, word_limit);
        for (std::size_t i = 0; i < word_digits && (part != 0 || !words.empty()); ++i, part /= 10)
            backwards += static_cast<char>('0' + part % 10);
    }
    if (backwards.size() > max_int_digits) return std::nullopt;
    std::reverse(backwards.begin(), backwards.end());
    return backwards.empty() ? "0" : backwards;
}

std::string print_hexadecimal(const Magnitude& words) {
    std::string text = fmt::format("0x{:x}", words.back());
    for (auto word = words.rbegin() + 1; word != words.rend(); ++word)
        text += fmt::format("{:08x}", *word);
    return text;
}

std::optional<Magnitude> read_decimal(std::string_view digits) {
    if (digits.size() > max_int_digits) return std::nullopt;
    Magnitude words;
    for (const char digit : digits) {
        if (digit < '0' || digit > '9') return std::nullopt;
        multiply_and_add(words, 10, static_cast<std::uint32_t>(digit - '0'));
    }
    return words;
}

std::optional<Magnitude> read_hexadecimal(std::string_view digits) {
    Magnitude words((digits.size() + 7) / 8);
    for (std::size_t i = 0; i < digits.size(); ++i) {
        const char digit = digits[digits.size() - 1 - i];
        const auto value = digit >= '0' && digit <= '9'   ? digit - '0'
                           : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
                           : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                                          : -1;
        if (value < 0) return std::nullopt;
        words[i / 8] |= static_cast<std::uint32_t>(value) << 4 * (i % 8);
    }
    return words;
}

}  // namespace

std::span<const std::byte> shortest_int(std::span<const std::byte> bytes) {
    const std::byte sign{static_cast<unsigned char>(is_negative(bytes) ? 0xff : 0)};
    while (!bytes.empty() && bytes.back() == sign) {
        const auto shorter = bytes.first(bytes.size() - 1);
        if (is_negative(shorter) != is_negative(bytes)) break;
        bytes = shorter;
    }
    return bytes;
}

Object::Bytes bytes_of_int(std::int64_t value) {
    const auto bytes = shortest_int(std::as_bytes(std::span(&value, 1)));
    return {bytes.begin(), bytes.end()};
}

bool is_negative(std::span<const std::byte> bytes) {
    return !bytes.empty() && (bytes.back() & std::byte{0x80}) != std::byte{};
}

std::optional<std::int64_t> to_int64(std::span<const std::byte> bytes) {
    bytes = shortest_int(bytes);
    if (bytes.size() > sizeof(std::int64_t)) return std::nullopt;
    std::int64_t value = is_negative(bytes) ? -1 : 0;
    if (!bytes.empty()) std::memcpy(&value, bytes.data(), bytes.size());
    return value;
}

Object::Bytes bytes_of_whole(double value) {
    int exponent = 0;
    // 53 bits are all that a double has.
    auto rest = static_cast<std::uint64_t>(std::ldexp(std::frexp(std::fabs(value), &exponent), 53));
    exponent -= 53;
    if (exponent < 0) {
        rest >>= -exponent;
        exponent = 0;
    }
    const auto shift = static_cast<unsigned>(exponent);
    Magnitude words(shift / 32 + 3);
    for (unsigned bit = 0; bit < 64; ++bit)
        words[(bit + shift) / 32] |= static_cast<std::uint32_t>(rest >> bit & 1) << (bit + shift) % 32;
    return bytes_of(std::move(words), value < 0);
}

std::string print_int(std::span<const std::byte> bytes) {
    const Magnitude words = magnitude_of(bytes);
    const std::string sign = is_negative(bytes) ? "-" : "";
    if (const auto decimal = print_decimal(words)) return sign + *decimal;
    return sign + print_hexadecimal(words);
}

std::optional<Object::Bytes> read_int(std::string_view text) {
    const bool negative = text.starts_with('-');
    if (negative || text.starts_with('+')) text.remove_prefix(1);
    const bool hexadecimal = text.starts_with("0x") || text.starts_with("0X");
    if (hexadecimal) text.remove_prefix(2);
    if (text.empty()) return std::nullopt;
    auto words = hexadecimal ? read_hexadecimal(text) : read_decimal(text);
    if (!words) return std::nullopt;
    return bytes_of(std::move(*words), negative);
}

}  // namespace procession::inline v0::detail
