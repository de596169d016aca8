// SPDX-License-Identifier: Apache-2.0

// Any bytes, in pieces of any size, as a stream of frames: what is whole is written again as it was read, and no
// more memory is got than a little beyond what has come.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "wire/frame.hpp"

using procession::wire::FrameHeader;
using procession::wire::FrameReader;

namespace {

constexpr std::size_t first_room = 256 * 1024;

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 3) return 0;
    const std::size_t piece = 1 + data[0];
    const std::uint64_t longest = std::uint64_t{1} << (data[1] % 64);
    auto left = std::as_bytes(std::span(data + 2, size - 2));

    FrameReader reader;
    while (!left.empty()) {
        const auto room = reader.room(longest);
        if (room.empty()) break;
        require(room.size() <= std::max(first_room, size));
        const auto next = left.first(std::min({room.size(), left.size(), piece}));
        std::ranges::copy(next, room.begin());
        reader.fill(next.size());
        left = left.subspan(next.size());
        if (!reader.whole()) continue;
        const std::uint64_t length = reader.length();
        require(length <= longest);
        require(reader.take().size() == length && reader.empty());
        require(FrameHeader(length).bytes().size() == (length >> 31 ? 12 : 4));
    }
    return 0;
}
