// SPDX-License-Identifier: Apache-2.0
#include "managers/array.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>

#include "managers/exceptions.hpp"
#include "managers/sequence.hpp"
#include "wire/array_elements.hpp"
#include "wire/object_node.hpp"
#include "wire/python_int.hpp"
#include "wire/utf8.hpp"

namespace procession::inline v0::managers {
namespace {

using Bytes = Object::Bytes;
using detail::ObjectAccess;

bool is_whole_number(const Object& object) { return object.is_int() || object.is_bool(); }

template <class T>
void store(std::byte* place, T value) {
    std::memcpy(place, &value, sizeof value);
}

template <class T>
void store_integer(std::byte* place, const Object& number, std::string_view name) {
    if (!is_whole_number(number))
        throw TypeMismatch(
            fmt::format("'{}' object cannot be interpreted as an integer", number.type()));
    // In a wider type first: what is no int of 64 bits is nevertheless one of Q, perhaps.
    if (!ObjectAccess::is_boxed(number)) {
        const std::int64_t value = ObjectAccess::integer(number);
        if (std::in_range<T>(value)) return store(place, static_cast<T>(value));
        throw_overflow(fmt::format("{} is {} than {}", name, value < 0 ? "less" : "greater",
                                   value < 0 ? "minimum" : "maximum"));
    }
    const Bytes bytes = number.integer_bytes();
    if constexpr (std::same_as<T, unsigned long> || std::same_as<T, unsigned long long>)
        // One byte more says that it is positive.
        if (bytes.size() == sizeof(T) + 1 && bytes.back() == std::byte{0})
            return store(place, number.as<T>());
    throw_overflow(fmt::format("Python int too large to convert to {}", name));
}

double to_double(const Object& whole) {
    if (!ObjectAccess::is_boxed(whole)) return static_cast<double>(ObjectAccess::integer(whole));
    // By its digits, so that it is rounded once.
    constexpr std::size_t most_bytes = std::numeric_limits<double>::max_exponent / 8 + 1;
    const Bytes bytes = whole.integer_bytes();
    double value = 0;
    if (bytes.size() <= most_bytes) {
        const std::string digits = detail::print_int(bytes);
        const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        if (read.ec == std::errc()) return value;
    }
    throw_overflow("int too large to convert to float");
}

template <class T>
void store_floating(std::byte* place, const Object& number) {
    if (!number.is_float() && !is_whole_number(number))
        throw TypeMismatch(fmt::format("must be real number, not {}", number.type()));
    const double value = number.is_float() ? number.as<double>() : to_double(number);
    store(place, static_cast<T>(value));
}

void store_character(std::byte* place, const Object& text) {
    if (!text.is_str() || text.size() != 1)
        throw TypeMismatch(fmt::format("array item must be a unicode character, not {}", text.type()));
    store(place, detail::decode_utf8(text.text(), detail::Surrogates::pass)->code);
}

void store_element(char typecode, std::byte* place, const Object& element) {
    switch (typecode) {
        case 'b': return store_integer<signed char>(place, element, "signed char");
        case 'B': return store_integer<unsigned char>(place, element, "unsigned byte integer");
        case 'h': return store_integer<short>(place, element, "signed short integer");
        case 'H': return store_integer<unsigned short>(place, element, "unsigned short");
        case 'i': return store_integer<int>(place, element, "signed integer");
        case 'I': return store_integer<unsigned>(place, element, "unsigned int");
        case 'l': return store_integer<long>(place, element, "signed long");
        case 'L': return store_integer<unsigned long>(place, element, "unsigned long");
        case 'q': return store_integer<long long>(place, element, "signed long long");
        case 'Q': return store_integer<unsigned long long>(place, element, "unsigned long long");
        case 'f': return store_floating<float>(place, element);
        case 'd': return store_floating<double>(place, element);
        default: return store_character(place, element);
    }
}

char typecode_of(const Object& typecode) {
    if (!typecode.is_str() || typecode.size() != 1)
        throw TypeMismatch(
            fmt::format("array() argument 1 must be a unicode character, not {}", typecode.type()));
    const std::string_view text = typecode.text();
    if (text.size() != 1 || detail::typecode_size(text[0]) == 0)
        throw ValueError("bad typecode (must be b, B, u, w, h, H, i, I, l, L, q, Q, f or d)");
    return text[0];
}

Bytes bytes_of(char typecode, const std::vector<Object>& elements) {
    const std::size_t size = detail::typecode_size(typecode);
    Bytes bytes(elements.size() * size);
    for (std::size_t i = 0; i < elements.size(); ++i)
        store_element(typecode, bytes.data() + i * size, elements[i]);
    return bytes;
}

/// What array.array(typecode, initial) is.
Object::Array array_of(char typecode, const Object& initial) {
    if (initial.is_bytes() || initial.is_bytearray()) {
        if (initial.raw().size() % detail::typecode_size(typecode) != 0)
            throw ValueError("bytes length not a multiple of item size");
        return {typecode, initial.as<Bytes>()};
    }
    if (initial.is_str() && !detail::is_text_typecode(typecode))
        throw TypeMismatch(
            fmt::format("cannot use a str to initialize an array with typecode '{}'", typecode));
    return {typecode, bytes_of(typecode, elements_of(initial))};
}

std::byte* place_of(Object::Array& array, std::size_t number) {
    return array.elements.data() + number * detail::typecode_size(array.typecode);
}

void erase_slice(Object::Array& array, const Slice& slice) {
    const std::size_t size = detail::typecode_size(array.typecode);
    const Slice ascending = slice.ascending();
    std::size_t erased = 0, kept = 0;
    for (std::size_t i = 0; i < detail::array_size(array); ++i) {
        if (erased < slice.count && i == ascending[erased])
            ++erased;
        else
            std::memmove(place_of(array, kept++), place_of(array, i), size);
    }
    array.elements.resize(kept * size);
}

void set_slice(Object::Array& array, const Slice& slice, const Object::Array& other) {
    if (other.typecode != array.typecode)
        throw TypeMismatch(
            fmt::format("can only assign array of typecode '{}' (not '{}') to array slice",
                        array.typecode, other.typecode));
    const std::size_t size = detail::typecode_size(array.typecode), count = detail::array_size(other);
    if (slice.step == 1) {
        const auto place = array.elements.begin() + slice.start * static_cast<std::int64_t>(size);
        Bytes joined(array.elements.begin(), place);
        joined.insert(joined.end(), other.elements.begin(), other.elements.end());
        joined.insert(joined.end(), place + static_cast<std::ptrdiff_t>(slice.count * size),
                      array.elements.end());
        array.elements = std::move(joined);
        return;
    }
    // As in Python, and unlike a list's.
    if (count == 0) return erase_slice(array, slice);
    if (count != slice.count)
        throw ValueError(fmt::format("attempt to assign array of size {} to extended slice of size {}",
                                     count, slice.count));
    for (std::size_t i = 0; i < count; ++i)
        std::copy_n(other.elements.data() + i * size, size, place_of(array, slice[i]));
}

}  // namespace

std::span<const Method<Array>> Array::methods() {
    static constexpr Method<Array> all[] = {
        {"__len__", &Array::size},
        {"__getitem__", &Array::at},
        {"__setitem__", &Array::set},
    };
    return all;
}

std::shared_ptr<Referent> Array::make(const Arguments& arguments) {
    arguments.require(2, {"typecode", "sequence", "lock"});
    Object::Array array =
        array_of(typecode_of(arguments.at(0, "typecode")), resolved(arguments.at(1, "sequence")));
    return std::make_shared<Array>(std::move(array));
}

Object Array::value() const {
    const std::lock_guard lock(mutex_);
    return array_;
}

std::string Array::to_string() const { return value().to_string(); }

Result Array::size(const Arguments& arguments, const Caller&) {
    arguments.require(0, {});
    const std::lock_guard lock(mutex_);
    return Object(detail::array_size(array_));
}

Result Array::at(const Arguments& arguments, const Caller&) {
    arguments.require(1, {""});
    const Object& key = arguments.at(0, "");
    const std::lock_guard lock(mutex_);
    const std::size_t size = detail::array_size(array_);
    if (!is_slice(key))
        return detail::array_element(array_,
                                     resolve_index(key, size, "array", "array index out of range"));
    const Slice slice = resolve_slice(key, size);
    const std::size_t element = detail::typecode_size(array_.typecode);
    Object::Array sliced{array_.typecode, Bytes(slice.count * element)};
    for (std::size_t i = 0; i < slice.count; ++i)
        std::copy_n(array_.elements.data() + slice[i] * element, element,
                    sliced.elements.data() + i * element);
    return Object(std::move(sliced));
}

Result Array::set(const Arguments& arguments, const Caller&) {
    arguments.require(2, {"", ""});
    const Object& key = arguments.at(0, "");
    const Object& value = arguments.at(1, "");
    const std::lock_guard lock(mutex_);
    const std::size_t size = detail::array_size(array_);
    if (!is_slice(key)) {
        const std::size_t place =
            resolve_index(key, size, "array", "array assignment index out of range");
        store_element(array_.typecode, place_of(array_, place), value);
        return {};
    }
    const Slice slice = resolve_slice(key, size);
    if (!value.is_array())
        throw TypeMismatch(
            fmt::format("can only assign array (not \"{}\") to array slice", value.type()));
    set_slice(array_, slice, ObjectAccess::value<Object::Array>(value));
    return {};
}

}  // namespace procession::inline v0::managers
