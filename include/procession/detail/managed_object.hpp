// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/export.hpp>
#include <procession/object.hpp>
#include <procession/timeout.hpp>

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

namespace procession::inline v0::detail {

/// A call of a method of an object that a manager offers. What is not as it must be is a TypeMismatch that
/// names the method and the argument. An argument whose name is "" is given by its place alone.
struct PROCESSION_API ManagedCall {
    std::string_view method;
    const Object& arguments;    ///< by their places: a tuple
    const Object& keywords;     ///< and by name: a dict, or None
    std::stop_token stop = {};  ///< requested when the caller is gone or cancels

    /// @param least  so many of the names must be given
    /// @throws TypeMismatch  there are fewer or more, in all, or one has another name than these
    void require(std::size_t least, std::initializer_list<std::string_view> names) const;
    /// The argument with that place and name; null: there is none.
    const Object* find(std::size_t place, std::string_view name) const;
    /// @throws TypeMismatch  there is none, as for those below, or it is of another type
    const Object& at(std::size_t place, std::string_view name) const;
    std::int64_t integer_or(std::size_t place, std::string_view name, std::int64_t otherwise) const;
    bool flag_or(std::size_t place, std::string_view name, bool otherwise) const;
    /// Python's `block` and `timeout`: zero unless `block` is true.
    Timeout limit(std::size_t place_of_block, std::string_view block) const;
    /// Python's `timeout`: seconds; None, or none: no limit.
    Timeout timeout(std::size_t place) const;
};

/// An object of C++ that the server is to keep, of the type that it says.
struct MadeObject {
    std::shared_ptr<void> object = {};
    const std::type_info* type = nullptr;
};

/// What a call comes to: a value, or an object that the server is to keep and the caller gets a proxy of.
struct ManagedResult {
    Object value = {};
    MadeObject made = {};
    std::string type_id = {};  ///< of what was made: its registered name

    ManagedResult() = default;
    ManagedResult(Object returned) : value(std::move(returned)) {}
    ManagedResult(MadeObject object, std::string type)
        : made(std::move(object)), type_id(std::move(type)) {}
};

/// An object of C++ that a manager offers to its clients, who call its methods by their names.
///
/// Several threads may call at once: each client's thread is one of the server's.
class ManagedObject {
  public:
    virtual ~ManagedObject() = default;
    /// @throws AttributeError  it has no such method
    /// @throws TypeMismatch    or not with these arguments; and what the method throws
    virtual ManagedResult call(const ManagedCall&) = 0;
    /// The methods' names.
    virtual std::vector<std::string> exposed() const = 0;
    /// A copy of what it is, for Python's `_getvalue()`. @throws TypeMismatch  it cannot be sent
    virtual Object value() const = 0;
    /// Python's str() of it.
    virtual std::string to_string() const = 0;
};

/// An index of Python's, from the end if it is below zero. @throws IndexError, TypeMismatch
PROCESSION_API std::size_t index_in(const Object& index, std::size_t size);
struct SlicedPart {
    std::size_t begin;
    std::size_t size;
};
/// What a slice of Python's is of a sequence. @throws TypeMismatch  it is none, or has a step
PROCESSION_API SlicedPart slice_in(const Object& slice, std::size_t size);

[[noreturn]] PROCESSION_API void throw_no_such_method(const std::string& type, std::string_view method);
[[noreturn]] PROCESSION_API void throw_no_such_attribute(const std::string& type, std::string_view name);
[[noreturn]] PROCESSION_API void throw_no_value(const std::string& type);
/// "<Maths object at 0x7f2c5a0010c0>", as Python prints what has no other text.
PROCESSION_API std::string describe_object(const std::string& type, const void* object);

}  // namespace procession::inline v0::detail
