// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <procession/serialize.hpp>

#include <algorithm>

namespace procession::inline v0::detail {

void Buffer::grow(std::size_t more) {
    const auto used = static_cast<std::size_t>(cursor_ - begin_);
    std::vector<std::byte> larger(std::max(2 * used, used + more));
    std::memcpy(larger.data(), begin_, used);
    large_ = std::move(larger);
    begin_ = large_.data();
    cursor_ = begin_ + used;
    end_ = begin_ + large_.size();
}

void throw_message_too_short(std::size_t wanted, std::size_t left) {
    throw SerializationError(
        fmt::format("message: {} bytes wanted, {} left: it is damaged, or was written as another type",
                    wanted, left));
}

}  // namespace procession::inline v0::detail
