// SPDX-License-Identifier: Apache-2.0

// Messages within the program have Objects as pickles too: one format to be kept safe.

#include <procession/object.hpp>

#include "wire/pickle_decoder.hpp"
#include "wire/pickle_encoder.hpp"

namespace procession::inline v0::detail {

std::vector<std::byte> save_object(const Object& object) {
    return pickle::encode(object, pickle::highest_protocol, pickle::Names::all);
}

Object load_object(std::span<const std::byte> bytes) {
    return pickle::decode(bytes, {}, pickle::Names::all);
}

}  // namespace procession::inline v0::detail
