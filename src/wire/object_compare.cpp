// SPDX-License-Identifier: Apache-2.0
#include <procession/error.hpp>
#include <procession/object.hpp>

#include <algorithm>
#include <bit>
#include <cmath>

#include "wire/array_elements.hpp"
#include "wire/calendar.hpp"
#include "wire/object_hash.hpp"
#include "wire/object_node.hpp"
#include "wire/python_int.hpp"
#include "wire/sip_hash.hpp"

namespace procession::inline v0 {
namespace detail {
namespace {

using Kind = Object::Kind;

bool is_number(const Object& object) {
    return object.is_bool() || object.is_int() || object.is_float() || object.is_complex();
}
bool is_either_set(const Object& object) { return object.is_set() || object.is_frozenset(); }
bool is_either_bytes(const Object& object) { return object.is_bytes() || object.is_bytearray(); }

bool is_whole(double value) { return std::isfinite(value) && std::trunc(value) == value; }

/// Its only form: an int of 64 bits if it is one, whatever its type, then bytes, then a double.
struct Number {
    std::optional<std::int64_t> small = {};
    Object::Bytes large = {};
    std::optional<double> fraction = {};

    friend bool operator==(const Number&, const Number&) = default;
};
Number number_of(double value) {
    if (!is_whole(value)) return {.fraction = value};
    // -2^63 and 2^63: between them every whole double is an int of 64 bits.
    if (value >= -0x1p63 && value < 0x1p63) return {.small = static_cast<std::int64_t>(value)};
    return {.large = bytes_of_whole(value)};
}
Number number_of(const Object& object) {
    if (object.is_float()) return number_of(ObjectAccess::floating(object));
    if (ObjectAccess::is_boxed(object)) return {.large = ObjectAccess::value<BigInteger>(object).bytes};
    return {.small = ObjectAccess::integer(object)};
}

enum class Nan : bool { differs, is_itself };

bool equal_doubles(double left, double right, Nan nan) {
    return left == right || (nan == Nan::is_itself && std::isnan(left) && std::isnan(right));
}

bool equal_numbers(const Object& left, const Object& right, Nan nan) {
    if (left.is_complex() || right.is_complex()) {
        const auto imag = [](const Object& object) {
            return object.is_complex() ? object.as<Object::Complex>().imag : 0;
        };
        const auto real = [](const Object& object) {
            return object.is_complex() ? Object(object.as<Object::Complex>().real) : object;
        };
        return equal_doubles(imag(left), imag(right), nan) &&
               equal_numbers(real(left), real(right), nan);
    }
    if (!left.is_float() && !right.is_float() && !ObjectAccess::is_boxed(left) &&
        !ObjectAccess::is_boxed(right))
        return ObjectAccess::integer(left) == ObjectAccess::integer(right);
    if (left.is_float() && right.is_float())
        return equal_doubles(ObjectAccess::floating(left), ObjectAccess::floating(right), nan);
    // Not by conversion: above 2^53 that would make different numbers equal.
    return number_of(left) == number_of(right);
}

bool equal(const Object& left, const Object& right, Nan nan);

bool equal_elements(const Object& left, const Object& right, Nan nan) {
    return std::ranges::equal(left.elements(), right.elements(),
                              [&](const Object& a, const Object& b) { return equal(a, b, nan); });
}

bool equal_tables(const Object& left, const Object& right, Nan nan) {
    const auto& table = ObjectAccess::value<KeyTable>(left);
    const auto& other = ObjectAccess::value<KeyTable>(right);
    if (table.size() != other.size()) return false;
    for (std::size_t i = 0; i < table.size(); ++i) {
        const std::size_t at = other.find(table.keys()[i]);
        if (at == KeyTable::none) return false;
        if (left.is_dict() && !equal(table.values()[i], other.values()[at], nan)) return false;
    }
    return true;
}

bool equal_named(const Object& left, const Object& right, Nan nan) {
    return left.module() == right.module() && left.qualname() == right.qualname() &&
           (left.is_global() || (left.made() == right.made() && equal(left.args(), right.args(), nan) &&
                                 equal(left.state(), right.state(), nan)));
}

bool equal_arrays(const Object& left, const Object& right) {
    const auto& a = ObjectAccess::value<Object::Array>(left);
    const auto& b = ObjectAccess::value<Object::Array>(right);
    const std::size_t size = array_size(a);
    if (size != array_size(b)) return false;
    for (std::size_t i = 0; i < size; ++i)
        if (array_element(a, i) != array_element(b, i)) return false;
    return true;
}

bool equal_ndarrays(const Object& left, const Object& right) {
    const auto& a = ObjectAccess::value<Object::NdArray>(left);
    const auto& b = ObjectAccess::value<Object::NdArray>(right);
    return a.dtype == b.dtype && a.shape == b.shape && a.fortran == b.fortran &&
           a.elements == b.elements;
}

/// Not in one with equal(), which is in itself as often as values are nested and so has little on the stack.
[[gnu::noinline]] bool equal_leaves(const Object& left, const Object& right, Nan nan) {
    if (is_number(left) && is_number(right)) return equal_numbers(left, right, nan);
    if (is_either_bytes(left) && is_either_bytes(right))
        return std::ranges::equal(left.raw(), right.raw());
    if (left.kind() != right.kind()) return false;
    switch (left.kind()) {
        case Kind::none: return true;
        case Kind::str: return left.text() == right.text();
        case Kind::array: return equal_arrays(left, right);
        case Kind::ndarray: return equal_ndarrays(left, right);
        default: return moment_of(left) == moment_of(right);
    }
}

bool equal(const Object& left, const Object& right, Nan nan) {
    switch (left.kind()) {
        case Kind::list:
        case Kind::tuple: return left.kind() == right.kind() && equal_elements(left, right, nan);
        case Kind::dict: return right.is_dict() && equal_tables(left, right, nan);
        case Kind::set:
        case Kind::frozenset: return is_either_set(right) && equal_tables(left, right, nan);
        case Kind::exception:
        case Kind::instance:
        case Kind::global: return left.kind() == right.kind() && equal_named(left, right, nan);
        default: return equal_leaves(left, right, nan);
    }
}

// ---- hashes, of which equal values have the same

/// Tells apart what may have the same bytes: whatever differs must, or many keys could be made of few such
/// pairs, and all meet.
enum class Tag : std::uint64_t {
    none,
    small,
    large,
    fraction,
    complex,
    str,
    bytes,
    tuple,
    frozenset,
    moment,
    named
};

template <class T, std::size_t Size>
std::size_t hash_of(Tag tag, std::span<T, Size> values) {
    const std::size_t hash = sip_hash(static_cast<std::uint64_t>(tag), std::as_bytes(values));
    return hash == 0 ? 1 : hash;  // 0 is not known yet
}

std::size_t hash_of_number(const Number& number) {
    if (number.small) return hash_of(Tag::small, std::span(&*number.small, 1));
    if (!number.fraction) return hash_of(Tag::large, std::span(number.large));
    // All nans are one key, whatever their bits.
    const double value = std::isnan(*number.fraction) ? std::nan("") : *number.fraction;
    return hash_of(Tag::fraction, std::span(&value, 1));
}

std::size_t hash_of_complex(Object::Complex value) {
    const std::size_t parts[] = {hash_of_number(number_of(value.real)),
                                 hash_of_number(number_of(value.imag))};
    return value.imag == 0 ? parts[0] : hash_of(Tag::complex, std::span(parts));
}

std::size_t hash_of_elements(std::span<const Object> elements) {
    std::vector<std::size_t> hashes;
    hashes.reserve(elements.size());
    for (const Object& each : elements) hashes.push_back(each.hash());
    return hash_of(Tag::tuple, std::span(hashes));
}

/// In no order: the hashes are keyed, so their sum tells nobody which sets have the same.
std::size_t hash_of_set(std::span<const Object> elements) {
    std::size_t sum = 0;
    for (const Object& each : elements) sum += each.hash();
    return hash_of(Tag::frozenset, std::span(&sum, 1));
}

std::size_t hash_of_named(const Object& object) {
    std::vector<std::size_t> parts = {static_cast<std::size_t>(object.kind()),
                                      hash_of_text(object.module()), hash_of_text(object.qualname())};
    if (!object.is_global()) {
        parts.push_back(static_cast<std::size_t>(object.made()));
        parts.push_back(object.args().hash());
        parts.push_back(object.state().hash());
    }
    return hash_of(Tag::named, std::span(parts));
}

std::size_t hash_of_moment(const Object& object) {
    const Moment moment = moment_of(object);
    const std::int64_t parts[] = {static_cast<std::int64_t>(object.kind()), moment.is_aware, moment.days,
                                  moment.microseconds};
    return hash_of(Tag::moment, std::span(parts));
}

[[gnu::noinline]] std::size_t hash_of_leaf(const Object& object) {
    switch (object.kind()) {
        case Kind::none: return hash_of(Tag::none, std::span<const std::byte>());
        case Kind::boolean:
        case Kind::integer:
        case Kind::floating: return hash_of_number(number_of(object));
        case Kind::complex: return hash_of_complex(object.as<Object::Complex>());
        case Kind::str: return hash_of_text(object.text());
        case Kind::bytes: return hash_of(Tag::bytes, object.raw());
        case Kind::date:
        case Kind::time:
        case Kind::datetime:
        case Kind::timedelta:
        case Kind::timezone: return hash_of_moment(object);
        default:
            throw TypeMismatch(
                fmt::format("Object::hash: Python cannot hash a {}, so it is no key and in no set. "
                            "A tuple or bytes may do.",
                            object.type()));
    }
}

std::size_t compute_hash(const Object& object) {
    switch (object.kind()) {
        case Kind::tuple: return hash_of_elements(object.elements());
        case Kind::frozenset: return hash_of_set(object.elements());
        case Kind::exception:
        case Kind::instance:
        case Kind::global: return hash_of_named(object);
        default: return hash_of_leaf(object);
    }
}

}  // namespace

std::size_t hash_of_text(std::string_view text) { return hash_of(Tag::str, std::span(text)); }

bool is_same_key(const Object& left, const Object& right) { return equal(left, right, Nan::is_itself); }

}  // namespace detail

bool operator==(const Object& left, const Object& right) {
    return detail::equal(left, right, detail::Nan::differs);
}

std::size_t Object::hash() const {
    if (!boxed_) return detail::compute_hash(*this);
    std::size_t known = node_->hash.load(std::memory_order_relaxed);
    if (known == 0) {
        known = detail::compute_hash(*this);
        node_->hash.store(known, std::memory_order_relaxed);
    }
    return known;
}

}  // namespace procession::inline v0
