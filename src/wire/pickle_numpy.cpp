// SPDX-License-Identifier: Apache-2.0
#include "wire/pickle_numpy.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "wire/array_elements.hpp"
#include "wire/pickle_arguments.hpp"
#include "wire/utf8.hpp"

namespace procession::inline v0::pickle {
namespace {

using Bytes = Object::Bytes;

/// IEEE 754's of 16 bits.
double half(std::uint16_t bits) {
    const int exponent = bits >> 10 & 0x1f;
    const int fraction = bits & 0x3ff;
    const double size = exponent == 0    ? std::ldexp(fraction, -24)
                        : exponent == 31 ? (fraction == 0 ? INFINITY : NAN)
                                         : std::ldexp(fraction + 0x400, exponent - 25);
    return bits & 0x8000 ? -size : size;
}

template <class T>
T number(std::span<const std::byte> bytes) {
    T value;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
}

Object floating(std::span<const std::byte> bytes) {
    switch (bytes.size()) {
        case 2: return half(number<std::uint16_t>(bytes));
        case 4: return number<float>(bytes);
        case 8: return number<double>(bytes);
        default: throw SerializationError("a numpy scalar of long double has no place here");
    }
}

Object unsigned_integer(std::span<const std::byte> bytes) {
    Bytes with_sign(bytes.begin(), bytes.end());
    with_sign.push_back({});
    return Object::integer(with_sign);
}

Object utf32(std::span<const std::byte> bytes) {
    std::string text;
    for (; !bytes.empty(); bytes = bytes.subspan(sizeof(char32_t))) {
        const auto code = number<std::uint32_t>(bytes);
        if (code > 0x10ffff) throw SerializationError("a numpy scalar has what is no character");
        detail::append_utf8(text, code);
    }
    text.resize(text.find_last_not_of('\0') + 1);
    return text;
}

Object without_final_nuls(std::span<const std::byte> bytes) {
    while (!bytes.empty() && bytes.back() == std::byte{}) bytes = bytes.first(bytes.size() - 1);
    return bytes;
}

std::vector<std::size_t> shape_of(const Object& object) {
    const Arguments lengths("numpy.ndarray's shape", object);
    std::vector<std::size_t> shape;
    for (std::size_t i = 0; i < lengths.size(); ++i) shape.push_back(lengths.number<std::size_t>(i));
    return shape;
}

}  // namespace

std::string dtype_of(const Object& object) {
    if (!object.is_instance() || object.module() != "numpy" || object.qualname() != "dtype")
        throw SerializationError(fmt::format("a {} is where a numpy.dtype is wanted", object.type()));
    const Arguments arguments("numpy.dtype", object.args());
    const Arguments state("numpy.dtype", object.state().is_none() ? Object::tuple() : object.state());
    const std::string_view order = state.size() > 1 ? state.text(1) : "|";
    return detail::normal_dtype(fmt::format("{}{}", order == "=" ? "<" : order, arguments.text(0)));
}

Object dtype_object(const std::string& dtype) {
    const bool has_length = dtype[1] == 'S' || dtype[1] == 'U';
    const int length = has_length ? std::stoi(dtype.substr(2)) : -1;
    const int size = has_length ? (dtype[1] == 'U' ? 4 * length : length) : -1;
    const int alignment = has_length ? (dtype[1] == 'U' ? 4 : 1) : -1;
    return Object::instance(
        "numpy", "dtype", Object::tuple({dtype.substr(1), false, true}),
        Object::tuple({3, dtype.substr(0, 1), nullptr, nullptr, nullptr, size, alignment, 0}),
        Object::Made::by_call);
}

Object numpy_scalar(const std::string& dtype, std::span<const std::byte> bytes) {
    Object::NdArray array{dtype, {}, Bytes(bytes.begin(), bytes.end())};
    detail::check(array);
    Bytes& native = array.elements;
    const char kind = dtype[1];
    if (dtype[0] == '>' && kind != 'S') {
        const std::size_t unit = kind == 'U'   ? sizeof(char32_t)
                                 : kind == 'c' ? native.size() / 2
                                               : native.size();
        for (auto at = native.begin(); at != native.end(); at += static_cast<std::ptrdiff_t>(unit))
            std::reverse(at, at + static_cast<std::ptrdiff_t>(unit));
    }
    const std::span<const std::byte> value(native);
    switch (kind) {
        case 'b': return value[0] != std::byte{};
        case 'i': return Object::integer(value);
        case 'u': return unsigned_integer(value);
        case 'f': return floating(value);
        case 'c':
            return Object::Complex{floating(value.first(value.size() / 2)).as<double>(),
                                   floating(value.last(value.size() / 2)).as<double>()};
        case 'S': return without_final_nuls(value);
        default: return utf32(value);
    }
}

Object::NdArray ndarray_of_state(const Object& state) {
    const Arguments parts("numpy.ndarray", state);
    parts.require_size(5, 5);
    const auto bytes = parts.bytes(4);
    return {.dtype = dtype_of(parts.any(2)),
            .shape = shape_of(parts.any(1)),
            .elements = Bytes(bytes.begin(), bytes.end()),
            .fortran = parts.flag(3)};
}

Object::NdArray ndarray_of_buffer(const Object& arguments) {
    const Arguments parts("numpy.ndarray", arguments);
    // Newer ones say the axes' order too, which is None but for one that has no order.
    parts.require_size(4, 5);
    if (parts.has(4)) parts.refuse();
    const std::string_view order = parts.text(3);
    if (order != "C" && order != "F") parts.refuse();
    const auto bytes = parts.bytes(0);
    return {.dtype = dtype_of(parts.any(1)),
            .shape = shape_of(parts.any(2)),
            .elements = Bytes(bytes.begin(), bytes.end()),
            .fortran = order == "F"};
}

}  // namespace procession::inline v0::pickle
