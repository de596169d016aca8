// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <procession/detail/object_place.hpp>
#include <procession/error.hpp>

namespace procession::inline v0::detail {
namespace {

constexpr std::size_t longest_repr = 60;

std::string shortened(std::string text) {
    if (text.size() > longest_repr) text = text.substr(0, longest_repr) + "...";
    return text;
}

/// What is there, with its article.
std::string described(const Object& object) {
    if (object.is_none()) return "None";
    if (object.is_instance())
        return fmt::format("an instance of {}.{}", object.module(), object.qualname());
    if (object.is_global()) return fmt::format("the class {}.{}", object.module(), object.qualname());
    if (object.is_ndarray()) return "an ndarray";
    const std::string_view type = object.type();
    return fmt::format("{} {}", std::string_view("aeiouAEIOU").find(type[0]) == type.npos ? "a" : "an",
                       type);
}

}  // namespace

void Place::append_to(std::string& path) const {
    if (above_) above_->append_to(path);
    switch (step_) {
        case Step::root: break;
        case Step::argument: path += fmt::format("argument {}", index_ + 1); break;
        case Step::element: path += fmt::format("[{}]", index_); break;
        case Step::field: path += fmt::format(".{}", name_); break;
        case Step::key: path += ".keys()"; break;
        case Step::value: path += fmt::format("[{}]", shortened(key_->to_string())); break;
    }
}

std::string_view Place::subject() const {
    if (above_) return above_->subject();
    return name_.empty() ? "pickle" : name_;
}

std::string Place::text() const {
    std::string path;
    append_to(path);
    return path.empty() ? fmt::format("{}: ", subject()) : fmt::format("{}: {}: ", subject(), path);
}

void Place::throw_too_deep() const {
    throw SerializationError(fmt::format(
        "pickle: the value is nested deeper than {}, or contains itself. A pickle's is at most "
        "so deep; send indices in place of pointers.",
        Object::max_depth));
}

void throw_wanted(const Place& place, std::string_view wanted, const Object& there) {
    throw TypeMismatch(
        fmt::format("{}{} is wanted, {} is there", place.text(), wanted, described(there)));
}

void throw_wrong_count(const Place& place, std::size_t wanted, std::size_t there) {
    throw TypeMismatch(
        fmt::format("{}{} elements are wanted, {} are there", place.text(), wanted, there));
}

void throw_does_not_fit(const Place& place, const Object& there, const std::string& type) {
    throw ValueError(
        fmt::format("{}{} does not fit into {}", place.text(), shortened(there.to_string()), type));
}

void throw_unnatural(const Place& place, const std::string& cause) {
    throw SerializationError(place.text() + cause);
}

void throw_stays_here(const Place& place, const std::string& type) {
    throw_unnatural(place,
                    fmt::format("{} cannot leave the program, nor come from outside. Send it through "
                                "a Pipe or Queue.",
                                type));
}

void throw_native_only(const Place& place, const std::string& type) {
    throw_unnatural(place,
                    fmt::format("{} has no value in Python: only mp::NativeWriter and NativeReader can "
                                "archive it. Make its serialize, or save and load, templates.",
                                type));
}

void throw_not_constructible(const Place& place, const std::string& type) {
    throw_unnatural(place, fmt::format("{} has no default constructor to be read into. Read it as a "
                                       "std::unique_ptr.",
                                       type));
}

}  // namespace procession::inline v0::detail
