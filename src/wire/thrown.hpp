// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <string>
#include <string_view>
#include <typeinfo>

namespace procession::inline v0::detail {

/// Null: it is none of C++'s.
const std::type_info* type_of(const std::exception_ptr&);

/// What was thrown, in words.
struct Thrown {
    std::string type;  ///< as the program wrote it, whatever gave it a nested exception
    std::string text;  ///< what(), or a number's or text's value
};
Thrown describe(const std::exception_ptr&);
/// As Python's traceback ends: `type: text`.
std::string to_string(const Thrown&);

/// What it is nested with. Null: nothing.
std::exception_ptr cause_of(const std::exception_ptr&);
/// What Python writes between a cause and what it led to.
inline constexpr std::string_view cause_ends =
    "\nThe above exception was the direct cause of the following exception:\n\n";

}  // namespace procession::inline v0::detail
