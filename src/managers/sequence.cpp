// SPDX-License-Identifier: Apache-2.0
#include "managers/sequence.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include <algorithm>
#include <limits>
#include <optional>

#include "managers/references.hpp"
#include "wire/array_elements.hpp"
#include "wire/object_node.hpp"
#include "wire/python_int.hpp"
#include "wire/utf8.hpp"

namespace procession::inline v0::managers {
namespace {

using Kind = Object::Kind;
using detail::ObjectAccess;

constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

bool is_call_of(const Object& object, std::string_view builtin) {
    return object.is_instance() && object.module() == "builtins" && object.qualname() == builtin;
}

std::vector<Object> characters_of(std::string_view text) {
    std::vector<Object> characters;
    while (!text.empty()) {
        const std::size_t size = detail::decode_utf8(text, detail::Surrogates::pass)->size;
        characters.push_back(detail::make_text(text.substr(0, size)));
        text.remove_prefix(size);
    }
    return characters;
}

std::vector<Object> numbers_of(std::span<const std::byte> bytes) {
    std::vector<Object> numbers;
    numbers.reserve(bytes.size());
    for (const std::byte each : bytes) numbers.emplace_back(std::to_integer<int>(each));
    return numbers;
}

std::vector<Object> numbers_of(const Object::Array& array) {
    std::vector<Object> numbers;
    numbers.reserve(detail::array_size(array));
    for (std::size_t i = 0; i < detail::array_size(array); ++i)
        numbers.push_back(detail::array_element(array, i));
    return numbers;
}

/// How many steps of `step` there are from `start` to before `stop`.
std::size_t steps(std::int64_t start, std::int64_t stop, std::int64_t step) {
    if (step > 0 ? start >= stop : start <= stop) return 0;
    const auto distance = [](std::int64_t from, std::int64_t to) {
        return static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from);
    };
    return step > 0 ? (distance(start, stop) - 1) / static_cast<std::uint64_t>(step) + 1
                    : (distance(stop, start) - 1) / (0 - static_cast<std::uint64_t>(step)) + 1;
}

std::vector<Object> numbers_of_range(const Object& range) {
    const Object& args = range.args();
    const auto start = args.at(0).as<std::int64_t>(), stop = args.at(1).as<std::int64_t>(),
               step = args.at(2).as<std::int64_t>();
    if (step == 0) throw ValueError("range() arg 3 must not be zero");
    const std::size_t count = steps(start, stop, step);
    std::vector<Object> numbers;
    numbers.reserve(count);
    for (std::size_t i = 0; i < count; ++i)
        numbers.emplace_back(start + static_cast<std::int64_t>(i) * step);
    return numbers;
}

/// Nothing: it is not given.
std::optional<std::int64_t> slice_part(const Object& slice, std::size_t number) {
    const Object& args = slice.args();
    if (number >= args.size() || args[number].is_none()) return std::nullopt;
    return slice_bound(args[number]);
}

/// Where a slice begins or ends.
std::int64_t bounded(std::int64_t bound, std::int64_t size, bool ascends) {
    if (bound < 0) return std::max(bound + size, std::int64_t{ascends ? 0 : -1});
    return std::min(bound, ascends ? size : size - 1);
}

}  // namespace

Object resolved(const Object& object) {
    if (!detail::is_proxy(object)) return object;
    const auto referent = referent_of(object);
    return referent ? referent->value() : object;
}

std::vector<Object> elements_of(const Object& iterable) {
    switch (iterable.kind()) {
        case Kind::list:
        case Kind::tuple:
        case Kind::dict:
        case Kind::set:
        case Kind::frozenset: {
            const auto elements = iterable.elements();
            return {elements.begin(), elements.end()};
        }
        case Kind::str: return characters_of(iterable.text());
        case Kind::bytes:
        case Kind::bytearray: return numbers_of(iterable.raw());
        case Kind::array: return numbers_of(ObjectAccess::value<Object::Array>(iterable));
        default: break;
    }
    if (is_call_of(iterable, "range") && iterable.args().size() == 3) return numbers_of_range(iterable);
    throw TypeMismatch(fmt::format("'{}' object is not iterable", iterable.type()));
}

Object list_of(std::vector<Object> elements) {
    return ObjectAccess::make(Kind::list, std::move(elements));
}

bool is_slice(const Object& object) { return is_call_of(object, "slice"); }

std::int64_t slice_bound(const Object& bound) {
    if (!bound.is_int() && !bound.is_bool())
        throw TypeMismatch("slice indices must be integers or None or have an __index__ method");
    if (!ObjectAccess::is_boxed(bound)) return ObjectAccess::integer(bound);
    return detail::is_negative(bound.integer_bytes()) ? least : most;
}

Slice Slice::ascending() const {
    if (step > 0 || count == 0) return {start, std::max(step, std::int64_t{1}), count};
    return {start + static_cast<std::int64_t>(count - 1) * step, -step, count};
}

Slice resolve_slice(const Object& slice, std::size_t length) {
    const auto size = static_cast<std::int64_t>(length);
    // The least one has no negative.
    const std::int64_t step = std::max(slice_part(slice, 2).value_or(1), -most);
    if (step == 0) throw ValueError("slice step cannot be zero");
    const bool ascends = step > 0;
    const auto start = slice_part(slice, 0), stop = slice_part(slice, 1);
    const std::int64_t from = bounded(start.value_or(ascends ? 0 : most), size, ascends);
    const std::int64_t to = stop ? bounded(*stop, size, ascends) : ascends ? size : -1;
    return {from, step, steps(from, to, step)};
}

std::size_t resolve_index(const Object& index, std::size_t size, std::string_view type,
                          std::string_view out_of_range) {
    if (!index.is_int() && !index.is_bool())
        throw TypeMismatch(
            fmt::format("{} indices must be integers or slices, not {}", type, index.type()));
    if (ObjectAccess::is_boxed(index)) throw IndexError("cannot fit 'int' into an index-sized integer");
    const std::int64_t number = ObjectAccess::integer(index);
    const std::int64_t place = number < 0 ? number + static_cast<std::int64_t>(size) : number;
    if (place < 0 || place >= static_cast<std::int64_t>(size))
        throw IndexError(std::string(out_of_range));
    return static_cast<std::size_t>(place);
}

}  // namespace procession::inline v0::managers
