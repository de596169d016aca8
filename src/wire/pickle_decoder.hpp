// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/pickle.hpp>

#include "wire/pickle_names.hpp"

namespace procession::inline v0::pickle {

Object decode(std::span<const std::byte> bytes, const Limits& limits, Names names);

}  // namespace procession::inline v0::pickle
