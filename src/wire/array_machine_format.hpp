// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/object.hpp>

#include <optional>
#include <span>
#include <string_view>

// How an array.array travels between machines. @see CPython: Modules/arraymodule.c, machine_format_code
namespace procession::inline v0::detail {

/// The number by which a pickle says what the bytes of a typecode are on this machine.
int machine_format_of(char typecode);

/// An array of elements that may be those of another machine. None: there is no such format, or an element
/// does not fit.
std::optional<Object::Array> array_of_machine_format(char typecode, int format,
                                                     std::span<const std::byte> bytes);
/// None: an element is no number that fits.
std::optional<Object::Array> array_of_numbers(char typecode, std::span<const Object> numbers);
/// None: the typecode is not of characters.
std::optional<Object::Array> array_of_text(char typecode, std::string_view text);

}  // namespace procession::inline v0::detail
