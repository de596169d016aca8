// SPDX-License-Identifier: Apache-2.0
#include "managers/referent.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

namespace procession::inline v0::managers {

void throw_no_such_method(std::string_view type, std::string_view method) {
    throw NoSuchMethod(fmt::format(
        "'{}' object has no attribute '{}' that can be called: only its registered methods can", type,
        method));
}

}  // namespace procession::inline v0::managers
