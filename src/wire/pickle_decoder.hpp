// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/pickle.hpp>

#include "wire/pickle_names.hpp"

namespace procession::inline v0::pickle {

/// @param proxies  the manager's proxies among the values, in the order in which they come, to have something
///                 attached to them; they are the values themselves. Null: nobody asks
Object decode(std::span<const std::byte> bytes, const Limits& limits, Names names,
              std::vector<Object>* proxies = nullptr);

/// The value of a part of a pickle, as append() writes it.
Object decode_part(std::span<const std::byte> part, Names names, std::vector<Object>* proxies);

}  // namespace procession::inline v0::pickle
