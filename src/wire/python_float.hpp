// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace procession::inline v0::detail {

/// Python's repr: the shortest digits that are read as the same number again, and always a point or an
/// exponent.
std::string print_float(double value);

}  // namespace procession::inline v0::detail
