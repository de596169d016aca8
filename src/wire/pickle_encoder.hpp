// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/object.hpp>

#include "wire/pickle_names.hpp"

namespace procession::inline v0::pickle {

std::vector<std::byte> encode(const Object& object, int protocol, Names names);

}  // namespace procession::inline v0::pickle
