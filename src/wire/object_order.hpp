// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/object.hpp>

namespace procession::inline v0::detail {

/// As Python's <, which numbers, str, bytes, lists, tuples and the types of datetime have; of numbers exactly.
/// @throws TypeMismatch  Python does not order the two
bool is_less(const Object& left, const Object& right);

}  // namespace procession::inline v0::detail
