// SPDX-License-Identifier: Apache-2.0
#include "wire/frame.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace procession::inline v0::wire {
namespace {

constexpr std::uint64_t longest_short = std::numeric_limits<std::int32_t>::max();
constexpr std::size_t short_header = 4;
/// What is got before a byte of the message has come; later it is doubled.
constexpr std::uint64_t first_room = 256 * 1024;

void put_big_endian(std::span<std::byte> to, std::uint64_t number) {
    for (std::size_t i = to.size(); i-- > 0; number >>= 8) to[i] = static_cast<std::byte>(number);
}

std::uint64_t get_big_endian(std::span<const std::byte> from) {
    std::uint64_t number = 0;
    for (const std::byte each : from) number = number << 8 | std::to_integer<std::uint64_t>(each);
    return number;
}

}  // namespace

FrameHeader::FrameHeader(std::uint64_t length)
    : size_(length <= longest_short ? short_header : longest) {
    const std::span all(bytes_);
    if (size_ == short_header)
        put_big_endian(all.first<short_header>(), length);
    else {
        std::ranges::fill(all.first<short_header>(), std::byte{0xff});
        put_big_endian(all.subspan<short_header>(), length);
    }
}

std::span<std::byte> FrameReader::room(std::uint64_t longest) {
    if (!length_known()) return std::span(header_).first(header_size_).subspan(header_filled_);
    if (negative_ || length_ > longest || whole()) return {};
    if (filled_ == message_.size())
        message_.resize(std::min(length_, std::max(first_room, 2 * filled_)));
    return std::span(message_).subspan(filled_);
}

void FrameReader::fill(std::size_t count) {
    if (length_known()) {
        filled_ += count;
    } else {
        header_filled_ += count;
        if (length_known()) read_header();
    }
}

void FrameReader::read_header() {
    const std::span header = std::span<const std::byte>(header_).first(header_size_);
    if (header_size_ == short_header) {
        length_ = get_big_endian(header);
        if (length_ <= longest_short) return;
        if (length_ == std::numeric_limits<std::uint32_t>::max())
            header_size_ = FrameHeader::longest;
        else
            negative_ = true;
    } else {
        length_ = get_big_endian(header.subspan(short_header));
    }
}

std::vector<std::byte> FrameReader::take() {
    std::vector<std::byte> message = std::move(message_);
    *this = {};
    return message;
}

}  // namespace procession::inline v0::wire
