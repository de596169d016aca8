// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>
#include <functional>
#include <optional>
#include <string>

#include "os/throw_site.hpp"

namespace procession::inline v0::detail {

/// What Python's traceback.format_exc() gives: the calls that led to the exception that is being
/// handled, its type and text, and before that the exceptions which it goes back to.
std::string traceback(const os::ThrowSite&);

/// What a call threw, and its traceback.
struct Failure {
    std::exception_ptr exception;
    std::string traceback;
};

/// Makes a call. @returns none: it threw nothing. An ExitRequest is let through.
std::optional<Failure> attempt(const std::function<void()>& body);

}  // namespace procession::inline v0::detail
