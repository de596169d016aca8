// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace procession::inline v0::detail {

/// SipHash-1-3 under a key that this process has drawn: who does not know it cannot choose bytes whose
/// hashes meet. `tag` tells kinds of values apart. @see Python: PEP 456
std::uint64_t sip_hash(std::uint64_t tag, std::span<const std::byte> bytes);

}  // namespace procession::inline v0::detail
