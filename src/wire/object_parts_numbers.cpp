// SPDX-License-Identifier: Apache-2.0
#include <procession/detail/object_parts.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "wire/object_node.hpp"
#include "wire/python_int.hpp"

namespace procession::inline v0::detail {
namespace {

void require_int(const Place& place, const Object& object) {
    if (!object.is_int()) throw_wanted(place, "an int", object);
}

/// The nearest double; infinite where there is none. @see Python: float(int)
double nearest_double(const Object& integer) {
    const Object::Bytes bytes = integer.integer_bytes();
    // 64 bits say more than a double holds; of those below them it matters only whether one is set.
    constexpr std::size_t window = sizeof(std::int64_t);
    const std::size_t below = bytes.size() > window ? bytes.size() - window : 0;
    std::int64_t top = is_negative(bytes) ? -1 : 0;
    std::memcpy(&top, bytes.data() + below, bytes.size() - below);
    const bool is_rounded =
        std::any_of(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(below),
                    [](std::byte byte) { return byte != std::byte{}; });
    return std::ldexp(static_cast<double>(is_rounded ? top | 1 : top), static_cast<int>(8 * below));
}

}  // namespace

bool read_bool(const Place& place, const Object& object) {
    if (!object.is_bool()) throw_wanted(place, "a bool", object);
    return object.as<bool>();
}

std::int64_t read_int64(const Place& place, const Object& object, TypeName type) {
    require_int(place, object);
    if (ObjectAccess::is_boxed(object)) throw_does_not_fit(place, object, type());
    return ObjectAccess::integer(object);
}

std::uint64_t read_uint64(const Place& place, const Object& object, TypeName type) {
    require_int(place, object);
    const auto value = uint64_of(object);
    if (!value) throw_does_not_fit(place, object, type());
    return *value;
}

double read_double(const Place& place, const Object& object) {
    if (object.is_float()) return ObjectAccess::floating(object);
    if (!object.is_int() || place.is_exact()) throw_wanted(place, "a float", object);
    const double value = nearest_double(object);
    if (std::isinf(value)) throw_does_not_fit(place, object, "double");
    return value;
}

float read_float(const Place& place, const Object& object) {
    const double value = read_double(place, object);
    const auto narrow = static_cast<float>(value);
    if (std::isinf(narrow) && !std::isinf(value)) throw_does_not_fit(place, object, "float");
    return narrow;
}

Object write_long_double(const Place& place, long double value) {
    const auto narrow = static_cast<double>(value);
    if (std::isinf(narrow) && !std::isinf(value))
        throw_unnatural(place, "the long double does not fit into a float of Python's");
    return narrow;
}

Object::Complex read_complex(const Place& place, const Object& object) {
    if (object.is_complex()) return object.as<Object::Complex>();
    if (place.is_exact() || (!object.is_float() && !object.is_int()))
        throw_wanted(place, "a complex", object);
    return {read_double(place, object), 0};
}

}  // namespace procession::inline v0::detail
