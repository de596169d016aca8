// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/export.hpp>
#include <procession/detail/object_place.hpp>
#include <procession/object.hpp>

#include <string>
#include <string_view>
#include <typeindex>
#include <vector>

// Which class of Python's a class of C++ is. @see pickle::register_class
namespace procession::inline v0::detail {

struct RegisteredClass {
    std::type_index type;
    std::string (*type_name)();
    std::string module;
    std::string qualname;
    /// Of the fields that have none by themselves, in order.
    std::vector<std::string> names;

    // What a pointer to a base needs; objects are the class's own.
    Object (*write)(const Place&, const void* object);
    void* (*make)(const Place&, const Object&);
    void (*destroy)(void* object);
    /// Throws the object's address as what it is, for a handler of a base's.
    void (*throw_address)(void* object);
};

/// @throws ValueError  the type is another class already, or the class another type
PROCESSION_API void add_class(RegisteredClass);
/// Null: it is not registered. They stay.
PROCESSION_API const RegisteredClass* find_class(std::type_index type);
PROCESSION_API const RegisteredClass* find_class(std::string_view module, std::string_view qualname);

/// The object of a class derived from a polymorphic one, which is registered.
/// @throws SerializationError  it is not
PROCESSION_API Object write_derived(const Place&, std::type_index type, const char* mangled_name,
                                    const void* object);
/// The class of an instance. @throws TypeMismatch  it is none, or not registered
PROCESSION_API const RegisteredClass& class_of(const Place&, const Object&, const std::string& base);

}  // namespace procession::inline v0::detail
