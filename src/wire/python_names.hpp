// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

// The exceptions that Python has by itself.
namespace procession::inline v0::detail {

/// Of the module builtins.
bool is_builtin_exception(std::string_view name);
/// OSError and what is derived from it.
bool is_os_error(std::string_view module, std::string_view name);
/// The one that Python makes where OSError is called with that number.
std::string_view os_error_of(std::int64_t error_number);
/// Of another module that multiprocessing uses.
bool is_library_exception(std::string_view module, std::string_view name);

}  // namespace procession::inline v0::detail
