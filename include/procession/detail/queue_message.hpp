// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/serialize.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

namespace procession::inline v0::detail {

/// A block of shared memory that a message lies in: this process's own, or its queue's until the message
/// is done. A child by fork that inherits one leaves it to its parent.
class PROCESSION_API MessageBlock {
  public:
    MessageBlock() = default;
    /// One of this process's. @param block  0: none
    explicit MessageBlock(std::uint64_t block) : MessageBlock(block, 0, 0) {}
    /// One of `queue`, which is to live as long.
    MessageBlock(std::uint64_t block, std::uint64_t queue, std::uint64_t entry);
    MessageBlock(MessageBlock&& other) noexcept
        : block_(std::exchange(other.block_, 0)),
          queue_(other.queue_),
          entry_(other.entry_),
          holder_(other.holder_) {}
    MessageBlock& operator=(MessageBlock&& other) noexcept {
        std::swap(block_, other.block_);
        std::swap(holder_, other.holder_);
        std::swap(queue_, other.queue_);
        std::swap(entry_, other.entry_);
        return *this;
    }
    ~MessageBlock() {
        if (block_) let_go();
    }

    /// One that has what was written, and that memory itself where it is in the heap already.
    static MessageBlock of(Buffer&);
    /// One of `size` bytes that are to be written. @throws HeapExhausted
    static MessageBlock of_size(std::size_t size);
    /// One that has a copy of these bytes. @throws HeapExhausted
    static MessageBlock copy_of(std::span<const std::byte>);

    explicit operator bool() const { return block_ != 0; }
    /// Whether it is this process's, and no child's by fork that inherited it.
    bool is_ours() const;
    std::uint64_t offset() const { return block_; }
    std::span<std::byte> bytes() const;
    /// How many that had taken the message ended before it was done.
    std::uint32_t deaths() const;
    /// The block, which is somebody else's from now on.
    std::uint64_t release() { return std::exchange(block_, 0); }

  private:
    void let_go() noexcept;

    std::uint64_t block_ = 0, queue_ = 0, entry_ = 0;
    std::uint32_t holder_ = 0;  ///< the process
};

/// Whether a message does not lie in the queue itself: it is long, or refers to objects.
PROCESSION_API bool needs_block(const Buffer&);

/// A message that was taken: a short one's bytes lie here.
class PROCESSION_API TakenMessage {
  public:
    TakenMessage() = default;
    TakenMessage(TakenMessage&& other) noexcept : block_(std::move(other.block_)) {
        if (block_)
            bytes_ = other.bytes_;
        else
            hold(other.bytes_);
    }
    TakenMessage& operator=(TakenMessage&&) = delete;

    std::span<const std::byte> bytes() const { return bytes_; }
    std::uint32_t deaths() const { return block_ ? block_.deaths() : 0; }

    void hold(std::span<const std::byte> bytes) {
        std::memcpy(local_, bytes.data(), bytes.size());
        bytes_ = {local_, bytes.size()};
    }
    void hold(MessageBlock block) {
        block_ = std::move(block);
        bytes_ = block_.bytes();
    }

  private:
    alignas(16) std::byte local_[longest_short_message];
    std::span<const std::byte> bytes_;
    MessageBlock block_;
};

/// Messages that are put, or were taken, together. Short ones lie one behind the other.
class PROCESSION_API MessageBatch {
  public:
    /// @param in_blocks  each is to lie in a block of its own
    explicit MessageBatch(bool in_blocks = false) : in_blocks_(in_blocks) {}

    /// Makes room for so many, all short.
    void reserve(std::size_t count) { messages_.reserve(count); }
    /// Adds what was written; its memory, if it has any, goes along.
    void add(Buffer&);
    void add(MessageBlock block) {
        blocks_.push_back(std::move(block));
        messages_.push_back({0, in_block, blocks_.size() - 1});
    }
    /// Adds a short one.
    void add(std::span<const std::byte> bytes) {
        messages_.push_back({static_cast<std::uint32_t>(bytes.size()), 0, bytes_.size()});
        bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    }

    std::size_t size() const { return messages_.size(); }
    /// One's bytes, until another is added.
    std::span<const std::byte> operator[](std::size_t index) const {
        const Message& message = messages_[index];
        if (message.kind == in_block) return blocks_[message.at].bytes();
        return std::span(bytes_).subspan(message.at, message.length);
    }
    /// One's block; null if it lies in none.
    MessageBlock* block(std::size_t index) {
        const Message& message = messages_[index];
        return message.kind == in_block ? &blocks_[message.at] : nullptr;
    }

  private:
    static constexpr std::uint32_t in_block = 1;
    struct Message {
        std::uint32_t length, kind;
        std::size_t at;  ///< where its bytes begin, or which block it is
    };
    bool in_blocks_;
    std::vector<std::byte> bytes_;
    std::vector<MessageBlock> blocks_;
    std::vector<Message> messages_;
};

}  // namespace procession::inline v0::detail
