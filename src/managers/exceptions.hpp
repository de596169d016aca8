// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/object.hpp>

#include <string>

// What referents throw that is more in Python than a text.
namespace procession::inline v0::managers {

/// KeyError(key).
[[noreturn]] void throw_key_error(const Object& key);
/// OverflowError; ValueError here.
[[noreturn]] void throw_overflow(const std::string& text);
/// StopIteration().
[[noreturn]] void throw_stop_iteration();
/// An exception that a client gave.
[[noreturn]] void throw_given(const Object& exception);

}  // namespace procession::inline v0::managers
