// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/managed_type.hpp>

#include <string>
#include <vector>

namespace procession::inline v0::managers {

/// This process has registered a type, or serves it: proxies that it makes say what its member functions are
/// called, to processes that have not.
/// @par Thread safety  safe, as the next
void note_method_names(const std::string& type_id, const std::vector<detail::MethodName>& names);
std::vector<detail::MethodName> method_names_of(const std::string& type_id);

}  // namespace procession::inline v0::managers
