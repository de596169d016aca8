// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <procession/serialize.hpp>

#include <algorithm>

#include "heap/heap.hpp"

namespace procession::inline v0::detail {

Passenger::~Passenger() = default;

Buffer::~Buffer() {
    if (block_) heap::Heap::program().free(block_);
}

void Buffer::leave() noexcept {
    for (Passenger* const each : std::exchange(cargo_->passengers, {})) each->leave();
}

void Buffer::let_go() {
    if (const heap::Offset block = std::exchange(block_, 0)) heap::Heap::program().free(block);
    large_ = {};
    begin_ = local_;
    end_ = local_ + sizeof local_;
}

void Buffer::grow(std::size_t more) {
    const auto used = static_cast<std::size_t>(cursor_ - begin_);
    const std::size_t size = std::max(2 * used, used + more);
    std::byte* larger = nullptr;
    if (memory_ == Memory::shared) {
        heap::Heap& heap = heap::Heap::program();
        const heap::Offset block = heap.allocate(size);
        larger = heap.at<std::byte>(block);
        std::memcpy(larger, begin_, used);
        if (const heap::Offset before = std::exchange(block_, block)) heap.free(before);
    } else {
        std::vector<std::byte> memory(size);
        larger = memory.data();
        std::memcpy(larger, begin_, used);
        large_ = std::move(memory);
    }
    begin_ = larger;
    cursor_ = begin_ + used;
    end_ = begin_ + size;
}

void throw_message_too_short(std::size_t wanted, std::size_t left) {
    throw SerializationError(
        fmt::format("message: {} bytes wanted, {} left: it is damaged, or was written as another type",
                    wanted, left));
}

}  // namespace procession::inline v0::detail
