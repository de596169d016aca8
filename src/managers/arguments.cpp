// SPDX-License-Identifier: Apache-2.0
#include "managers/arguments.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include <algorithm>
#include <chrono>

#include "managers/exceptions.hpp"
#include "wire/object_node.hpp"

namespace procession::inline v0::managers {
namespace {

/// "1 argument", "from 1 to 2 arguments"
std::string counted(std::size_t least, std::size_t most) {
    if (least == most) return fmt::format("{} argument{}", most, most == 1 ? "" : "s");
    return fmt::format("from {} to {} arguments", least, most);
}

/// As Python names an argument that is given by its place alone by its number.
std::string described(std::size_t place, std::string_view name) {
    return name.empty() ? fmt::format("argument {}", place + 1) : fmt::format("argument '{}'", name);
}

[[noreturn]] void refuse(std::string_view method, std::size_t place, std::string_view name,
                         std::string_view wanted, const Object& given) {
    throw TypeMismatch(
        fmt::format("{}() {} must be {}, not {}", method, described(place, name), wanted, given.type()));
}

double seconds(const Object& number) {
    return number.is_float() ? number.as<double>() : static_cast<double>(number.as<std::int64_t>());
}

}  // namespace

Arguments::Arguments(std::string_view method, const Object& positional, const Object& keywords)
    : method_(method), keywords_(keywords) {
    if (!positional.is_tuple())
        throw TypeMismatch(fmt::format("{}() is called with a {} of arguments, not with a tuple", method,
                                       positional.type()));
    if (!keywords.is_none() && !keywords.is_dict())
        throw TypeMismatch(fmt::format("{}() is called with a {} of keywords, not with a dict", method,
                                       keywords.type()));
    positional_ = positional.elements();
}

void Arguments::require(std::size_t least, std::initializer_list<std::string_view> names) const {
    const std::size_t named = keywords_.is_none() ? 0 : keywords_.size();
    if (size() + named < least || size() + named > names.size())
        throw TypeMismatch(fmt::format("{}() takes {} ({} given)", method_, counted(least, names.size()),
                                       size() + named));
    if (named == 0) return;
    for (const Object& each : keywords_.elements()) {
        if (!each.is_str()) throw TypeMismatch(fmt::format("{}() keywords must be strings", method_));
        const std::string_view name = each.text();
        const auto* const found = name.empty() ? names.end() : std::ranges::find(names, name);
        if (found == names.end())
            throw TypeMismatch(
                fmt::format("{}() got an unexpected keyword argument {}", method_, each.to_string()));
        if (static_cast<std::size_t>(found - names.begin()) < size())
            throw TypeMismatch(
                fmt::format("{}() got multiple values for argument {}", method_, each.to_string()));
    }
    for (std::size_t place = size(); place < least; ++place) at(place, names.begin()[place]);
}

const Object* Arguments::find(std::size_t place, std::string_view name) const {
    if (place < size()) return &positional_[place];
    if (name.empty() || keywords_.is_none()) return nullptr;
    return keywords_.find(Object(name));
}

const Object& Arguments::at(std::size_t place, std::string_view name) const {
    const Object* const found = find(place, name);
    if (!found)
        throw TypeMismatch(fmt::format("{}() is missing required {}", method_, described(place, name)));
    return *found;
}

std::int64_t Arguments::integer(std::size_t place, std::string_view name) const {
    const Object& given = at(place, name);
    if (given.is_bool()) return given.as<bool>();
    if (!given.is_int()) refuse(method_, place, name, "int", given);
    if (detail::ObjectAccess::is_boxed(given))
        throw_overflow(fmt::format("{}() {} is too large for 64 bits", method_, described(place, name)));
    return given.as<std::int64_t>();
}

std::int64_t Arguments::integer_or(std::size_t place, std::string_view name,
                                   std::int64_t otherwise) const {
    return find(place, name) ? integer(place, name) : otherwise;
}

bool Arguments::flag_or(std::size_t place, std::string_view name, bool otherwise) const {
    const Object* const given = find(place, name);
    return given ? is_true(*given) : otherwise;
}

std::string_view Arguments::text(std::size_t place, std::string_view name) const {
    const Object& given = at(place, name);
    if (!given.is_str()) refuse(method_, place, name, "str", given);
    return given.text();
}

Timeout Arguments::timeout(std::size_t place, std::string_view name) const {
    const Object* const given = find(place, name);
    if (!given || given->is_none()) return forever;
    if (given->is_bool()) return std::chrono::seconds(given->as<bool>());
    if (!given->is_int() && !given->is_float())
        refuse(method_, place, name, "a number of seconds", *given);
    return std::chrono::duration<double>(seconds(*given));
}

bool is_true(const Object& object) {
    using Kind = Object::Kind;
    switch (object.kind()) {
        case Kind::none: return false;
        case Kind::boolean:
        case Kind::integer:
        case Kind::floating:
        case Kind::complex: return object != Object(0);
        case Kind::str:
        case Kind::bytes:
        case Kind::bytearray:
        case Kind::list:
        case Kind::tuple:
        case Kind::dict:
        case Kind::set:
        case Kind::frozenset:
        case Kind::array: return !object.empty();
        case Kind::timedelta: return object != Object(TimeDelta());
        default: return true;
    }
}

}  // namespace procession::inline v0::managers
