// SPDX-License-Identifier: Apache-2.0
#include "wire/python_float.hpp"

#include <fmt/format.h>

#include <cmath>

namespace procession::inline v0::detail {

std::string print_float(double value) {
    if (std::isnan(value)) return "nan";  // Python shows no sign
    // fmt has Python's rules, the shortest digits and an exponent from 1e16 on and below 1e-4, but for
    // whole numbers.
    std::string text = fmt::format("{}", value);
    if (text.find_first_not_of("-0123456789") == text.npos) text += ".0";
    return text;
}

}  // namespace procession::inline v0::detail
