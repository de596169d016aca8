// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace procession::inline v0::wire {

// A message on a stream of bytes is a frame, as CPython has it: its length as four bytes, big-endian and
// signed; from 2 GiB on -1, and then the length as eight bytes. What follows is the message.

/// What stands before a message.
class FrameHeader {
  public:
    explicit FrameHeader(std::uint64_t length);
    std::span<const std::byte> bytes() const { return std::span(bytes_).first(size_); }

    static constexpr std::size_t longest = 12;

  private:
    std::array<std::byte, longest> bytes_;
    std::size_t size_;
};

/// Puts one frame after the other together, from bytes in pieces of any size. It never asks for a byte
/// beyond the frame, and its memory grows with what has come, not with what was announced.
class FrameReader {
  public:
    /// Where the next bytes of the frame belong. Empty when it is whole, and when it is refused: longer than
    /// `longest`, or of a negative length.
    std::span<std::byte> room(std::uint64_t longest);
    /// So many bytes were written to the room.
    void fill(std::size_t count);

    /// Whether nothing of a frame has come yet.
    bool empty() const { return header_filled_ == 0; }
    bool whole() const { return length_known() && filled_ == length_; }
    /// The frame's message; from here on it is the next frame's turn. Only when it is whole.
    std::vector<std::byte> take();

    /// The announced length, for errors; 0 as long as it is not known.
    std::uint64_t length() const { return length_; }

  private:
    bool length_known() const { return header_filled_ == header_size_; }
    void read_header();

    std::array<std::byte, FrameHeader::longest> header_;
    std::size_t header_size_ = 4;
    std::size_t header_filled_ = 0;
    bool negative_ = false;
    std::uint64_t length_ = 0;
    std::uint64_t filled_ = 0;
    std::vector<std::byte> message_;
};

}  // namespace procession::inline v0::wire
