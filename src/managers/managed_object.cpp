// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <procession/detail/managed_object.hpp>
#include <procession/error.hpp>

#include <algorithm>

#include "managers/arguments.hpp"
#include "managers/referent.hpp"

namespace procession::inline v0::detail {
namespace {

managers::Arguments arguments_of(const ManagedCall& call) {
    return {call.method, call.arguments, call.keywords};
}

/// An index of a slice, within the sequence; none: `otherwise`.
std::size_t bound_in(const Object& index, std::size_t size, std::size_t otherwise) {
    if (index.is_none()) return otherwise;
    const auto length = static_cast<std::int64_t>(size);
    auto place = index.as<std::int64_t>();
    if (place < 0) place += length;
    return static_cast<std::size_t>(std::clamp<std::int64_t>(place, 0, length));
}

}  // namespace

void ManagedCall::require(std::size_t least, std::initializer_list<std::string_view> names) const {
    arguments_of(*this).require(least, names);
}

const Object* ManagedCall::find(std::size_t place, std::string_view name) const {
    return arguments_of(*this).find(place, name);
}

const Object& ManagedCall::at(std::size_t place, std::string_view name) const {
    return arguments_of(*this).at(place, name);
}

std::int64_t ManagedCall::integer_or(std::size_t place, std::string_view name,
                                     std::int64_t otherwise) const {
    return arguments_of(*this).integer_or(place, name, otherwise);
}

bool ManagedCall::flag_or(std::size_t place, std::string_view name, bool otherwise) const {
    return arguments_of(*this).flag_or(place, name, otherwise);
}

Timeout ManagedCall::limit(std::size_t place_of_block, std::string_view block) const {
    if (!flag_or(place_of_block, block, true)) return std::chrono::seconds(0);
    return timeout(place_of_block + 1);
}

Timeout ManagedCall::timeout(std::size_t place) const {
    return arguments_of(*this).deadline(place, "timeout").left();
}

std::size_t index_in(const Object& index, std::size_t size) {
    if (!index.is_int())
        throw TypeMismatch(fmt::format("an index must be an int, not {}", index.type()));
    const auto length = static_cast<std::int64_t>(size);
    const auto place = index.as<std::int64_t>();
    if (place < -length || place >= length) throw IndexError("array index out of range");
    return static_cast<std::size_t>(place < 0 ? place + length : place);
}

SlicedPart slice_in(const Object& slice, std::size_t size) {
    if (!slice.is_instance() || slice.qualname() != "slice" || slice.args().size() != 3)
        throw TypeMismatch(fmt::format("an index must be an int or a slice, not {}", slice.type()));
    const Object& step = slice.args()[2];
    if (!step.is_none() && step != Object(1))
        throw TypeMismatch("a slice of this array has no step but 1");
    const std::size_t begin = bound_in(slice.args()[0], size, 0);
    const std::size_t end = bound_in(slice.args()[1], size, size);
    return {begin, end > begin ? end - begin : 0};
}

void throw_no_such_method(const std::string& type, std::string_view method) {
    managers::throw_no_such_method(type, method);
}

void throw_no_such_attribute(const std::string& type, std::string_view name) {
    throw AttributeError(fmt::format("'{}' object has no attribute '{}'", type, name));
}

void throw_no_value(const std::string& type) {
    throw TypeMismatch(
        fmt::format("{} has no value that could be sent: give it a cereal serialize "
                    "function, or call its methods.",
                    type));
}

std::string describe_object(const std::string& type, const void* object) {
    return fmt::format("<{} object at {}>", type, object);
}

}  // namespace procession::inline v0::detail
