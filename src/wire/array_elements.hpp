// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/object.hpp>

#include <cstddef>
#include <string>
#include <string_view>

// What an array.array and a NumPy array consist of.
namespace procession::inline v0::detail {

/// Bytes of an element; 0: there is no such typecode.
std::size_t typecode_size(char typecode);
/// Whether the elements are characters.
bool is_text_typecode(char typecode);
std::size_t array_size(const Object::Array& array);
/// A number, or a str of one character.
Object array_element(const Object::Array& array, std::size_t index);
/// @throws ValueError  see Object
void check(const Object::Array& array);

/// As numpy.dtype.str, where an order of bytes is said only of what has more than one.
/// @throws ValueError  it is no plain dtype
std::string normal_dtype(std::string_view dtype);
/// As numpy.dtype.name: float64, uint8, bool.
std::string dtype_name(const std::string& dtype);
/// @throws ValueError  see Object
void check(const Object::NdArray& array);

}  // namespace procession::inline v0::detail
