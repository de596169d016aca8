// SPDX-License-Identifier: Apache-2.0
#include <procession/detail/object_parts.hpp>
#include <procession/error.hpp>

#include <algorithm>

#include "wire/array_elements.hpp"
#include "wire/object_node.hpp"
#include "wire/pickle_numpy.hpp"

namespace procession::inline v0::detail {
namespace {

using Kind = Object::Kind;

/// As a set's element or a dict's key may be: Python's lists and sets cannot.
Object hashable(const Object& object) {
    const bool is_set = object.is_set() || object.is_frozenset();
    if (object.is_bytearray()) return object.as<Object::Bytes>();
    if (!is_set && !object.is_list() && !object.is_tuple()) return object;
    std::vector<Object> elements;
    elements.reserve(object.size());
    for (const Object& each : object) elements.push_back(hashable(each));
    return is_set ? Object::frozenset(elements) : make_tuple(std::move(elements));
}

/// Runs what an Object refuses to hold as a key.
template <class F>
auto with_keys(const Place& place, F add) {
    try {
        return add();
    } catch (const TypeMismatch&) {
        throw_unnatural(
            place,
            "Python cannot hash what is a set's element or a dict's key here: it has a dict in "
            "it. Use a type that becomes a tuple.");
    }
}

}  // namespace

std::span<const std::byte> read_bytes(const Place& place, const Object& object) {
    const bool is_bytes = object.is_bytes() || (object.is_bytearray() && !place.is_exact());
    if (!is_bytes) throw_wanted(place, "bytes", object);
    return object.raw();
}

Object make_list(std::vector<Object> elements) {
    return ObjectAccess::make(Kind::list, std::move(elements));
}

Object make_tuple(std::vector<Object> elements) {
    return ObjectAccess::make(Kind::tuple, std::move(elements));
}

Object make_set(const Place& place, std::vector<Object> elements) {
    Object set = Object::set();
    for (std::size_t i = 0; i < elements.size(); ++i) {
        const Place element = place.element(i);
        if (!with_keys(element, [&] { return set.add(hashable(elements[i])); }))
            throw_unnatural(element,
                            "this is equal to another element in Python: " + elements[i].to_string());
    }
    return set;
}

Object make_dict(const Place& place, std::vector<Object> keys, std::vector<Object> values) {
    Object dict = Object::dict();
    for (std::size_t i = 0; i < keys.size(); ++i) {
        with_keys(place.key(), [&] { dict.set(hashable(keys[i]), std::move(values[i])); });
        if (dict.size() != i + 1)
            throw_unnatural(place.key(),
                            "this is equal to another key in Python: " + keys[i].to_string());
    }
    return dict;
}

Sequence::Sequence(const Place& place, const Object& object, Kind exact_kind) : place_(place) {
    const bool is_array = object.is_array();
    const bool is_listed =
        object.kind() == exact_kind || (!place.is_exact() && (object.is_list() || object.is_tuple()));
    if (is_listed) {
        elements_ = object.elements();
        size_ = elements_.size();
    } else if (is_array ||
               (object.is_ndarray() && ObjectAccess::value<Object::NdArray>(object).shape.size() == 1)) {
        array_ = &object;
        size_ = object.size();
    } else {
        throw_wanted(place,
                     object.is_ndarray()         ? "an ndarray of one dimension"
                     : exact_kind == Kind::tuple ? "a tuple"
                                                 : "a list",
                     object);
    }
}

const Object& Sequence::number(std::size_t index) {
    if (array_->is_array()) {
        number_ = array_element(ObjectAccess::value<Object::Array>(*array_), index);
    } else {
        const auto& array = ObjectAccess::value<Object::NdArray>(*array_);
        const std::size_t size = array.elements.size() / size_;
        number_ =
            pickle::numpy_scalar(array.dtype, std::span(array.elements).subspan(index * size, size));
    }
    return number_;
}

std::optional<std::span<const std::byte>> numbers_in(const Object& object, NumberLayout wanted) {
    if (object.is_bytes() || object.is_bytearray()) {
        if (wanted.kind != 'u' || wanted.size != 1) return std::nullopt;
        return object.raw();
    }
    if (object.is_array()) {
        const char typecode = ObjectAccess::value<Object::Array>(object).typecode;
        const bool is_floating = typecode == 'f' || typecode == 'd';
        const char kind = is_floating                  ? 'f'
                          : is_text_typecode(typecode) ? 'U'
                          : typecode >= 'a'            ? 'i'
                                                       : 'u';
        if (kind != wanted.kind || typecode_size(typecode) != wanted.size) return std::nullopt;
        return object.raw();
    }
    if (object.is_ndarray()) {
        const auto& array = ObjectAccess::value<Object::NdArray>(object);
        const std::string dtype{wanted.size > 1 ? '<' : '|', wanted.kind,
                                static_cast<char>('0' + wanted.size)};
        if (array.shape.size() != 1 || array.dtype != dtype) return std::nullopt;
        return array.elements;
    }
    return std::nullopt;
}

std::span<const Object> read_set(const Place& place, const Object& object) {
    if (!object.is_set() && !object.is_frozenset()) throw_wanted(place, "a set", object);
    return object.elements();
}

void require_dict(const Place& place, const Object& object) {
    if (!object.is_dict()) throw_wanted(place, "a dict", object);
}

}  // namespace procession::inline v0::detail
