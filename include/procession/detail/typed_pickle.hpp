// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/object_archive.hpp>
#include <procession/pickle.hpp>

// The templates of pickle.hpp.
namespace procession::inline v0::pickle {

/// The pickle of a value of any type that can be sent to a process, as its natural value in Python:
///
/// | C++ | Python |
/// |---|---|
/// | bool; integers, enumerations; floating-point numbers; std::complex | bool; int; float; complex |
/// | strings of every character type, text; a character | str |
/// | std::vector and std::array of std::byte or char | bytes |
/// | std::vector, array, deque, list, forward_list, multiset, multimap | list |
/// | std::pair, tuple | tuple |
/// | std::set, unordered_set; std::map, unordered_map | set; dict |
/// | std::optional, pointers | the value, or None |
/// | std::variant; std::monostate | what it holds; None |
/// | durations; times of the system's clock | timedelta; datetime in UTC |
/// | std::bitset | str of 0 and 1 |
/// | plain aggregates | tuple |
/// | what has a cereal serialize function | dict if all fields have names (CEREAL_NVP), else tuple |
/// | classes that register_class() has had | instance of that class |
/// | Object | itself |
///
///     pickle::dumps(std::map<std::string, std::vector<int>>{{"a", {1, 2}}});  // {'a': [1, 2]}
///
/// Numbers become an array.array by Object::array(), wherever they are in a value. Keys and elements of sets
/// are tuples and frozensets where they would be lists and sets. Durations are rounded to microseconds.
/// @throws SerializationError  there is no such value; the text says where: "pickle: [3].name: ..."
/// @throws ValueError          there is no such protocol
template <class T>
requires(!std::same_as<T, Object>)
    [[nodiscard]] std::vector<std::byte> dumps(const T& value, int protocol = default_protocol) {
    return dumps(detail::to_object(value), protocol);
}

/// The value of that type that a pickle says: the same table, from right to left.
///
/// Nothing is lost or guessed: a float is no int, True is no int, and a number must fit. But an int is a
/// float too, a list is as good as a tuple, and a bytearray as bytes; sequences also come from an array.array
/// or a NumPy array of one dimension. None is the outermost std::optional without a value. Of a variant's alternatives it is the first that fits exactly, else the
/// first that fits so.
///
///     auto scores = pickle::loads<std::map<std::string, double>>(bytes);
///
/// @throws TypeMismatch        it is a value of another type; the text says where, and which:
///                             "pickle: [3].name: an int is wanted, a str is there"
/// @throws ValueError          a number does not fit
/// @throws SerializationError  as loads(); or nothing of Python's is a T
template <class T>
[[nodiscard]] T loads(std::span<const std::byte> bytes, const Limits& limits = {}) {
    return detail::from_object<T>(loads(bytes, limits));
}

/// Makes a class of C++ and one of Python the same: a T is an instance whose attributes are its fields, both
/// ways. Their names are those that cereal is told (CEREAL_NVP); of fields without, as a plain aggregate's,
/// those given here, in order.
///
///     struct Point { int x, y; };
///     pickle::register_class<Point>("geometry", "Point", {"x", "y"});
///
/// Instances come from classes with a `__dict__` or `__slots__`, dataclasses and named tuples. What they have
/// beside the fields is left out. Pointers to a base of T may be read and written then, too.
/// Once more does no harm.
/// @throws ValueError  T is another class already, or the class another type
/// @par Thread safety   safe
template <class T>
void register_class(std::string module, std::string qualname, std::vector<std::string> names = {}) {
    static_assert(!detail::forms::HasForm<T>, "it is a value of another kind in Python");
    detail::add_class({
        .type = typeid(T),
        .type_name = detail::type_name<T>,
        .module = std::move(module),
        .qualname = std::move(qualname),
        .names = std::move(names),
        .write =
            [](const detail::Place& place, const void* object) {
                return detail::forms::write<T>(place, *static_cast<const T*>(object));
            },
        .make = [](const detail::Place& place, const Object& object) -> void* {
            return detail::forms::make_new<T>(place, object).release();
        },
        .destroy = [](void* object) { delete static_cast<T*>(object); },
        .throw_address = [](void* object) { throw static_cast<T*>(object); },
    });
}

}  // namespace procession::inline v0::pickle
