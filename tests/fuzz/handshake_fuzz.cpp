// SPDX-License-Identifier: Apache-2.0

// Any bytes, in pieces of any size, as the peer of a handshake: it ends, or waits for more, and nobody is let in
// whose bytes were made without the key.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "wire/handshake.hpp"

using procession::AuthKey;
using procession::wire::Handshake;
using procession::wire::Side;

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::size_t piece = 1 + data[1];
    const bool has_key = data[0] & 2;
    Handshake::Terms terms;
    if (has_key) terms.authkey = AuthKey("key");
    if (data[0] & 4) terms.program = "program";
    Handshake handshake(data[0] & 1 ? Side::listener : Side::client, terms);

    auto left = std::as_bytes(std::span(data + 2, size - 2));
    for (;;) {
        handshake.sent(handshake.to_send().size());
        const auto room = handshake.room();
        if (room.empty() || left.empty()) break;
        require(room.size() <= 256);
        const auto next = left.first(std::min({room.size(), left.size(), piece}));
        std::ranges::copy(next, room.begin());
        handshake.received(next.size());
        left = left.subspan(next.size());
    }
    if (handshake.done() && handshake.failure().empty()) require(!has_key);
    return 0;
}
