// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "os/throw_site.hpp"

namespace procession::inline v0::detail {

/// What Python's traceback.format_exc() gives: the calls that led to the exception that is being
/// handled, its type and text, and before that the exceptions which it goes back to.
std::string traceback(const os::ThrowSite&);

}  // namespace procession::inline v0::detail
