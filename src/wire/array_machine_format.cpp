// SPDX-License-Identifier: Apache-2.0
#include "wire/array_machine_format.hpp"

#include <procession/error.hpp>

#include <algorithm>
#include <cstring>
#include <iterator>

#include "wire/array_elements.hpp"
#include "wire/utf8.hpp"

namespace procession::inline v0::detail {
namespace {

struct Format {
    enum class Kind : char { unsigned_integer, signed_integer, floating, character } kind;
    std::size_t size;
    bool is_big_endian;
};
using Kind = Format::Kind;

/// The number is the place here. Characters of UTF-16 are not read.
constexpr Format formats[] = {
    {Kind::unsigned_integer, 1, false}, {Kind::signed_integer, 1, false},
    {Kind::unsigned_integer, 2, false}, {Kind::unsigned_integer, 2, true},
    {Kind::signed_integer, 2, false},   {Kind::signed_integer, 2, true},
    {Kind::unsigned_integer, 4, false}, {Kind::unsigned_integer, 4, true},
    {Kind::signed_integer, 4, false},   {Kind::signed_integer, 4, true},
    {Kind::unsigned_integer, 8, false}, {Kind::unsigned_integer, 8, true},
    {Kind::signed_integer, 8, false},   {Kind::signed_integer, 8, true},
    {Kind::floating, 4, false},         {Kind::floating, 4, true},
    {Kind::floating, 8, false},         {Kind::floating, 8, true},
    {Kind::character, 0, false},        {Kind::character, 0, true},
    {Kind::character, 4, false},        {Kind::character, 4, true},
};

template <class T>
void add(Object::Bytes& bytes, T value) {
    const auto raw = std::as_bytes(std::span(&value, 1));
    bytes.insert(bytes.end(), raw.begin(), raw.end());
}

template <class T>
bool add_integer(Object::Bytes& bytes, const Object& number) {
    if (!number.is_int() && !number.is_bool()) return false;
    try {
        add(bytes, number.is_bool() ? T{number.as<bool>()} : number.as<T>());
    } catch (const ValueError&) {
        return false;
    }
    return true;
}

template <class T>
bool add_floating(Object::Bytes& bytes, const Object& number) {
    if (number.is_float())
        add(bytes, static_cast<T>(number.as<double>()));
    else if (number.is_int())
        add(bytes, static_cast<T>(number.as<std::int64_t>()));
    else
        return false;
    return true;
}

bool add_character(Object::Bytes& bytes, const Object& text) {
    if (!text.is_str() || text.size() != 1) return false;
    add(bytes, decode_utf8(text.text(), Surrogates::pass)->code);
    return true;
}

bool add_element(Object::Array& array, const Object& element) {
    switch (array.typecode) {
        case 'b': return add_integer<signed char>(array.elements, element);
        case 'B': return add_integer<unsigned char>(array.elements, element);
        case 'h': return add_integer<short>(array.elements, element);
        case 'H': return add_integer<unsigned short>(array.elements, element);
        case 'i': return add_integer<int>(array.elements, element);
        case 'I': return add_integer<unsigned>(array.elements, element);
        case 'l': return add_integer<long>(array.elements, element);
        case 'L': return add_integer<unsigned long>(array.elements, element);
        case 'q': return add_integer<long long>(array.elements, element);
        case 'Q': return add_integer<unsigned long long>(array.elements, element);
        case 'f': return add_floating<float>(array.elements, element);
        case 'd': return add_floating<double>(array.elements, element);
        case 'u':
        case 'w': return add_character(array.elements, element);
        default: return false;
    }
}

/// The value of bytes in the order of this machine.
Object element_of(const Format& format, Object::Bytes bytes) {
    switch (format.kind) {
        case Kind::unsigned_integer: bytes.push_back({}); return Object::integer(bytes);
        case Kind::signed_integer: return Object::integer(bytes);
        case Kind::floating:
            return array_element({format.size == sizeof(float) ? 'f' : 'd', std::move(bytes)}, 0);
        default: {
            Object::Array character{'u', std::move(bytes)};
            check(character);
            return array_element(character, 0);
        }
    }
}

}  // namespace

int machine_format_of(char typecode) {
    constexpr std::string_view typecodes = "BbHhIiLlQqfduw";
    constexpr int numbers[] = {0, 1, 2, 4, 6, 8, 10, 12, 10, 12, 14, 16, 20, 20};
    return numbers[typecodes.find(typecode)];
}

std::optional<Object::Array> array_of_machine_format(char typecode, int number,
                                                     std::span<const std::byte> bytes) {
    if (number < 0 || number >= static_cast<int>(std::size(formats)) || typecode_size(typecode) == 0)
        return std::nullopt;
    if (number == machine_format_of(typecode))
        return Object::Array{typecode, {bytes.begin(), bytes.end()}};
    const Format& format = formats[number];
    if (format.size == 0 || bytes.size() % format.size != 0) return std::nullopt;
    Object::Array array{typecode, {}};
    for (; !bytes.empty(); bytes = bytes.subspan(format.size)) {
        Object::Bytes element(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(format.size));
        if (format.is_big_endian) std::reverse(element.begin(), element.end());
        if (!add_element(array, element_of(format, std::move(element)))) return std::nullopt;
    }
    return array;
}

std::optional<Object::Array> array_of_numbers(char typecode, std::span<const Object> numbers) {
    Object::Array array{typecode, {}};
    for (const Object& each : numbers)
        if (!add_element(array, each)) return std::nullopt;
    return array;
}

std::optional<Object::Array> array_of_text(char typecode, std::string_view text) {
    if (!is_text_typecode(typecode)) return std::nullopt;
    Object::Array array{typecode, {}};
    while (!text.empty()) {
        const auto [code, size] = *decode_utf8(text, Surrogates::pass);
        add(array.elements, code);
        text.remove_prefix(size);
    }
    return array;
}

}  // namespace procession::inline v0::detail
