// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/object.hpp>

#include <memory>
#include <vector>

#include "wire/pickle_names.hpp"

namespace procession::inline v0::pickle {

/// @param attached  gets what is attached to the proxies among the values, in the order in which they come
std::vector<std::byte> encode(const Object& object, int protocol, Names names,
                              std::vector<std::shared_ptr<const void>>* attached = nullptr);
/// Appends a value as a part of a pickle of default_protocol, which others have begun and will end.
void append(std::vector<std::byte>& pickle, const Object& object, Names names,
            std::vector<std::shared_ptr<const void>>* attached);
/// The same of a tuple, which need not be one yet.
void append_tuple(std::vector<std::byte>& pickle, std::span<const Object> elements, Names names,
                  std::vector<std::shared_ptr<const void>>* attached);

}  // namespace procession::inline v0::pickle
