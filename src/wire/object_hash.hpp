// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/object.hpp>

#include <cstddef>
#include <string_view>

namespace procession::inline v0::detail {

/// The hash of a str.
std::size_t hash_of_text(std::string_view text);

/// As ==, but nan is itself: otherwise a dict would hold any number of them, and find none.
bool is_same_key(const Object& left, const Object& right);

}  // namespace procession::inline v0::detail
