// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/exception_type.hpp>

#include <span>

namespace procession::inline v0::detail {

/// The standard library's exceptions and this one's, the derived before their bases. A message names them
/// by their places here.
std::span<const ExceptionType> known_exceptions();

}  // namespace procession::inline v0::detail
