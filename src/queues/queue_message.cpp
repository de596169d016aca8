// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>
#include <procession/detail/queue_message.hpp>

#include "heap/object.hpp"
#include "queues/in_flight.hpp"

namespace procession::inline v0::detail {

using heap::Heap;
using heap::Offset;
using queues::InFlight;

bool needs_block(const Buffer& buffer) {
    return buffer.bytes().size() > longest_short_message || !buffer.references().empty();
}

MessageBlock::MessageBlock(std::uint64_t block, std::uint64_t queue, std::uint64_t entry)
    : block_(block), queue_(queue), entry_(entry), holder_(Heap::program_self()) {}

MessageBlock MessageBlock::of(Buffer& buffer) {
    Heap& heap = Heap::program();
    const auto bytes = buffer.bytes();
    if (const Offset written = buffer.take_block())
        return MessageBlock(seal_message(heap, written, bytes.size(), buffer.references()));
    const Offset block = make_message(heap, bytes.size(), buffer.references());
    std::memcpy(heap.at<std::byte>(block), bytes.data(), bytes.size());
    return MessageBlock(block);
}

MessageBlock MessageBlock::of_size(std::size_t size) {
    return MessageBlock(make_message(Heap::program(), size, {}));
}

MessageBlock MessageBlock::copy_of(std::span<const std::byte> bytes) {
    // To new pages, a write by the kernel is twice as fast: it neither faults at each nor clears it before.
    constexpr std::size_t worth_a_call = 1024 * 1024;
    Heap& heap = Heap::program();
    MessageBlock block = of_size(bytes.size());
    std::size_t written = 0;
    while (bytes.size() >= worth_a_call && written < bytes.size()) {
        const ssize_t now = ::pwrite(heap.descriptor(), bytes.data() + written, bytes.size() - written,
                                     static_cast<off_t>(block.offset() + written));
        if (now <= 0) break;
        written += static_cast<std::size_t>(now);
    }
    if (written < bytes.size())
        std::memcpy(block.bytes().data() + written, bytes.data() + written, bytes.size() - written);
    return block;
}

bool MessageBlock::is_ours() const { return holder_ == Heap::program_self(); }

std::span<std::byte> MessageBlock::bytes() const { return message_bytes(Heap::program(), block_); }

std::uint32_t MessageBlock::deaths() const {
    return entry_ ? Heap::program().at<InFlight::Entry>(entry_)->deaths() : 0;
}

void MessageBlock::let_go() noexcept {
    if (!is_ours()) return;
    Heap& heap = Heap::program();
    if (entry_)
        InFlight::end_reading(heap, queue_, *heap.at<InFlight::Entry>(entry_));
    else
        heap.free(block_);
}

void MessageBatch::add(Buffer& buffer) {
    if (in_blocks_ || needs_block(buffer))
        add(MessageBlock::of(buffer));
    else
        add(buffer.bytes());
}

}  // namespace procession::inline v0::detail
