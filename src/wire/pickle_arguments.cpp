// SPDX-License-Identifier: Apache-2.0
#include "wire/pickle_arguments.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include "wire/object_node.hpp"

namespace procession::inline v0::pickle {

Arguments::Arguments(std::string_view name, const Object& arguments) : name_(name) {
    if (!arguments.is_tuple())
        throw SerializationError(
            fmt::format("{} is called with a {}, not with a tuple", name, arguments.type()));
    arguments_ = arguments.elements();
}

void Arguments::require_size(std::size_t least, std::size_t most) const {
    if (size() < least || size() > most) refuse();
}

const Object& Arguments::any(std::size_t index) const {
    if (index >= size()) refuse();
    return arguments_[index];
}

const Object& Arguments::of_kind(std::size_t index, Object::Kind kind) const {
    const Object& object = any(index);
    if (object.kind() != kind) refuse();
    return object;
}

bool Arguments::flag(std::size_t index) const {
    const Object& object = any(index);
    return object.is_bool() ? object.as<bool>() : number<int>(index) != 0;
}

std::span<const std::byte> Arguments::bytes(std::size_t index) const {
    const Object& object = any(index);
    if (object.is_str()) return std::as_bytes(std::span(object.text()));
    if (!object.is_bytes() && !object.is_bytearray()) refuse();
    return object.raw();
}

std::span<const Object> Arguments::elements(std::size_t index) const {
    const Object& object = any(index);
    if (!object.is_list() && !object.is_tuple()) refuse();
    return object.elements();
}

void Arguments::refuse() const {
    constexpr std::size_t shown = 6;
    // Their types only: the values may be long.
    std::string types;
    for (const Object& each : arguments_.first(std::min(size(), shown)))
        types += fmt::format("{}{}", types.empty() ? "" : ", ", each.type());
    throw SerializationError(
        fmt::format("no {} is made of ({}{})", name_, types, size() > shown ? ", ..." : ""));
}

std::optional<std::int64_t> Arguments::small(const Object& integer) {
    if (detail::ObjectAccess::is_boxed(integer)) return std::nullopt;
    return detail::ObjectAccess::integer(integer);
}

}  // namespace procession::inline v0::pickle
