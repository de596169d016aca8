// SPDX-License-Identifier: Apache-2.0
#include "wire/array_elements.hpp"

#include <procession/error.hpp>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <optional>

#include "wire/object_node.hpp"
#include "wire/utf8.hpp"

namespace procession::inline v0::detail {
namespace {

constexpr char32_t last_character = 0x10ffff;

template <class T>
T element(const Object::Array& array, std::size_t index) {
    T value;
    std::memcpy(&value, array.elements.data() + index * sizeof value, sizeof value);
    return value;
}

struct DType {
    char kind = '\0';
    std::size_t size = 0;  ///< bytes of an element
};
/// None: it is no plain one.
std::optional<DType> read_dtype(std::string_view text) {
    if (text.size() < 3 || std::string_view("<>|").find(text[0]) == text.npos) return std::nullopt;
    std::size_t size = 0;
    const auto [rest, error] = std::from_chars(text.data() + 2, text.data() + text.size(), size);
    if (error != std::errc() || rest != text.data() + text.size()) return std::nullopt;
    const auto is_one_of = [&](std::initializer_list<std::size_t> sizes) {
        return std::find(sizes.begin(), sizes.end(), size) != sizes.end();
    };
    bool known = false;
    switch (text[1]) {
        case 'b': known = is_one_of({1}); break;
        case 'i':
        case 'u': known = is_one_of({1, 2, 4, 8}); break;
        case 'f': known = is_one_of({2, 4, 8, 16}); break;
        case 'c': known = is_one_of({8, 16, 32}); break;
        case 'S': known = size > 0 && size <= std::numeric_limits<int>::max(); break;
        case 'U':
            known = size > 0 && size <= std::numeric_limits<int>::max() / sizeof(char32_t);
            size *= sizeof(char32_t);
            break;
        default: break;
    }
    return known ? std::optional(DType{text[1], size}) : std::nullopt;
}

}  // namespace

std::size_t typecode_size(char typecode) {
    switch (typecode) {
        case 'b':
        case 'B': return 1;
        case 'h':
        case 'H': return sizeof(short);
        case 'i':
        case 'I': return sizeof(int);
        case 'l':
        case 'L': return sizeof(long);
        case 'q':
        case 'Q': return sizeof(long long);
        case 'f': return sizeof(float);
        case 'd': return sizeof(double);
        case 'u':
        case 'w': return sizeof(char32_t);
        default: return 0;
    }
}

bool is_text_typecode(char typecode) { return typecode == 'u' || typecode == 'w'; }

std::size_t array_size(const Object::Array& array) {
    return array.elements.size() / typecode_size(array.typecode);
}

Object array_element(const Object::Array& array, std::size_t index) {
    switch (array.typecode) {
        case 'b': return Object::integer(std::span(array.elements).subspan(index, 1));
        case 'B': return element<unsigned char>(array, index);
        case 'h': return element<short>(array, index);
        case 'H': return element<unsigned short>(array, index);
        case 'i': return element<int>(array, index);
        case 'I': return element<unsigned>(array, index);
        case 'l': return element<long>(array, index);
        case 'L': return element<unsigned long>(array, index);
        case 'q': return element<long long>(array, index);
        case 'Q': return element<unsigned long long>(array, index);
        case 'f': return element<float>(array, index);
        case 'd': return element<double>(array, index);
        default: {
            std::string text;
            append_utf8(text, element<char32_t>(array, index));
            return make_text(text);
        }
    }
}

void check(const Object::Array& array) {
    const std::size_t size = typecode_size(array.typecode);
    if (size == 0)
        throw ValueError(
            fmt::format("Object: there is no typecode '{}'. Use one of b B h H i I l L q Q f d u w.",
                        array.typecode));
    if (array.elements.size() % size != 0)
        throw ValueError(
            fmt::format("Object: {} bytes are no whole number of elements of {} bytes, typecode '{}'",
                        array.elements.size(), size, array.typecode));
    if (is_text_typecode(array.typecode))
        for (std::size_t i = 0; i < array_size(array); ++i)
            if (element<char32_t>(array, i) > last_character)
                throw ValueError(
                    "Object: an array's element is no character, as those of typecode 'u' are");
}

std::string normal_dtype(std::string_view dtype) {
    const auto type = read_dtype(dtype);
    if (!type)
        throw ValueError(fmt::format(
            "Object: {} is no plain dtype. Use one such as <f8, <i4, |u1, |b1, <c16, |S5 or <U5.",
            make_text(dtype)));
    const bool has_order = type->size > 1 && type->kind != 'S';
    const char order = !has_order ? '|' : dtype[0] == '|' ? '<' : dtype[0];
    return fmt::format("{}{}{}", order, type->kind,
                       type->kind == 'U' ? type->size / sizeof(char32_t) : type->size);
}

std::string dtype_name(const std::string& dtype) {
    const DType type = *read_dtype(dtype);
    const auto sized = [&](std::string_view name) { return fmt::format("{}{}", name, 8 * type.size); };
    switch (type.kind) {
        case 'b': return "bool";
        case 'i': return sized("int");
        case 'u': return sized("uint");
        case 'f': return sized("float");
        case 'c': return sized("complex");
        case 'S': return sized("bytes");
        default: return sized("str");
    }
}

void check(const Object::NdArray& array) {
    constexpr std::size_t most_dimensions = 64;
    if (array.shape.size() > most_dimensions)
        throw ValueError(fmt::format("Object: an ndarray has at most {} dimensions", most_dimensions));
    std::size_t size = read_dtype(array.dtype)->size;
    for (const std::size_t each : array.shape)
        if (__builtin_mul_overflow(size, each, &size))
            throw ValueError("Object: an ndarray's shape is too large for any memory");
    if (size != array.elements.size())
        throw ValueError(
            fmt::format("Object: an ndarray of this shape and dtype \"{}\" has {} bytes, not {}",
                        array.dtype, size, array.elements.size()));
}

}  // namespace procession::inline v0::detail
