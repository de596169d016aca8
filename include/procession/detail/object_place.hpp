// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/export.hpp>
#include <procession/object.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace procession::inline v0::detail {

/// Where in a value one is while it becomes an Object or comes from one: a chain on the stack, which is
/// looked at only to say in an error where it happened.
class PROCESSION_API Place {
  public:
    /// How far another type than the one that is written is taken for a T.
    enum class Fit : std::uint8_t { any, exact };

    explicit Place(Fit fit = Fit::any) : fit_(fit) {}
    /// @param subject  what errors begin with, in place of "pickle"
    explicit Place(std::string_view subject) : name_(subject), fit_(Fit::any) {}
    /// The index-th argument of a call, counted from 0.
    Place argument(std::size_t index) const { return {*this, Step::argument, index, {}, nullptr}; }
    Place element(std::size_t index) const { return {*this, Step::element, index, {}, nullptr}; }
    Place field(std::string_view name) const { return {*this, Step::field, 0, name, nullptr}; }
    Place key() const { return {*this, Step::key, 0, {}, nullptr}; }
    Place value_of(const Object& key) const { return {*this, Step::value, 0, {}, &key}; }
    /// The same place, where nothing but the exact type is taken.
    Place exactly() const {
        Place place = *this;
        place.fit_ = Fit::exact;
        return place;
    }

    bool is_exact() const { return fit_ == Fit::exact; }
    /// "pickle: [3].name: ", or with another subject.
    std::string text() const;

  private:
    enum class Step : std::uint8_t { root, argument, element, field, key, value };
    Place(const Place& above, Step step, std::size_t index, std::string_view name, const Object* key)
        : above_(&above),
          index_(index),
          name_(name),
          key_(key),
          depth_(above.depth_ + 1),
          step_(step),
          fit_(above.fit_) {
        if (depth_ > Object::max_depth) throw_too_deep();
    }
    [[noreturn]] void throw_too_deep() const;
    std::string_view subject() const;
    void append_to(std::string& path) const;

    const Place* above_ = nullptr;
    std::size_t index_ = 0;
    std::string_view name_;  ///< of the root: the subject
    const Object* key_ = nullptr;
    std::size_t depth_ = 0;
    Step step_ = Step::root;
    Fit fit_;
};

/// "pickle: [3].name: an int is wanted, a str is there": TypeMismatch.
[[noreturn]] PROCESSION_API void throw_wanted(const Place&, std::string_view wanted,
                                              const Object& there);
/// TypeMismatch: a tuple, list or array of another number of elements.
[[noreturn]] PROCESSION_API void throw_wrong_count(const Place&, std::size_t wanted, std::size_t there);
/// "300 does not fit into unsigned char": ValueError.
[[noreturn]] PROCESSION_API void throw_does_not_fit(const Place&, const Object& there,
                                                    const std::string& type);
/// SerializationError, with what `cause` says.
[[noreturn]] PROCESSION_API void throw_unnatural(const Place&, const std::string& cause);
/// SerializationError: it means something only within this program.
[[noreturn]] PROCESSION_API void throw_stays_here(const Place&, const std::string& type);
/// SerializationError: only the native archives know how to write or read it.
[[noreturn]] PROCESSION_API void throw_native_only(const Place&, const std::string& type);
/// SerializationError: nothing makes one that could be read into.
[[noreturn]] PROCESSION_API void throw_not_constructible(const Place&, const std::string& type);

}  // namespace procession::inline v0::detail
