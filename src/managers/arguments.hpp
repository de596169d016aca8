// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/object.hpp>
#include <procession/timeout.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "os/deadline.hpp"

namespace procession::inline v0::managers {

/// The arguments of a call, as Python passes them: by their places, or by name. What is not as it must be is
/// a TypeMismatch (a TypeError there) that names the method and the argument. An argument whose name is ""
/// is given by its place alone.
class Arguments {
  public:
    /// @param positional  a tuple @param keywords  a dict, or None; both outlive this
    Arguments(std::string_view method, const Object& positional, const Object& keywords);

    std::string_view method() const { return method_; }
    /// How many there are by place.
    std::size_t size() const { return positional_.size(); }
    std::span<const Object> positional() const { return positional_; }
    const Object& keywords() const { return keywords_; }
    /// @param least  so many of the names must be given
    /// @throws TypeMismatch  there are fewer or more, in all, or one has another name than these
    void require(std::size_t least, std::initializer_list<std::string_view> names) const;

    /// The argument with that place and name; null: there is none.
    const Object* find(std::size_t place, std::string_view name) const;
    /// @throws TypeMismatch  there is none
    const Object& at(std::size_t place, std::string_view name) const;
    /// @throws ValueError  it has more than 64 bits (an OverflowError there), as for the next one
    std::int64_t integer(std::size_t place, std::string_view name) const;
    std::int64_t integer_or(std::size_t place, std::string_view name, std::int64_t otherwise) const;
    /// Anything that Python takes for true or false.
    bool flag_or(std::size_t place, std::string_view name, bool otherwise) const;
    std::string_view text(std::size_t place, std::string_view name) const;
    /// Seconds; None, or none: without limit.
    Timeout timeout(std::size_t place, std::string_view name) const;
    /// The same, from now on.
    os::Deadline deadline(std::size_t place, std::string_view name) const {
        return os::Deadline::after(timeout(place, name));
    }

  private:
    std::string_view method_;
    std::span<const Object> positional_;
    const Object& keywords_;
};

/// @see Python: bool(object)
bool is_true(const Object& object);

}  // namespace procession::inline v0::managers
