// SPDX-License-Identifier: Apache-2.0
#include "wire/frame.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>

namespace {

using procession::wire::FrameHeader;
using procession::wire::FrameReader;
using Bytes = std::vector<std::byte>;

constexpr std::uint64_t gibibyte = std::uint64_t{1} << 30;
constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();

Bytes from_hex(std::string_view hex) {
    Bytes bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
        bytes.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
    return bytes;
}
Bytes header_of(std::uint64_t length) {
    const FrameHeader header(length);
    return {header.bytes().begin(), header.bytes().end()};
}

/// Gives the reader as much as it asks for, at most `piece` bytes at a time. @returns what it left
std::span<const std::byte> feed(FrameReader& reader, std::span<const std::byte> bytes,
                                std::size_t piece = no_limit, std::uint64_t longest = no_limit) {
    for (auto room = reader.room(longest); !room.empty() && !bytes.empty();
         room = reader.room(longest)) {
        const auto next = bytes.first(std::min({room.size(), bytes.size(), piece}));
        std::ranges::copy(next, room.begin());
        reader.fill(next.size());
        bytes = bytes.subspan(next.size());
    }
    return bytes;
}

// The lengths as CPython 3.13 writes them.
TEST(Frame, has_the_header_of_cpython) {
    EXPECT_EQ(header_of(0), from_hex("00000000"));
    EXPECT_EQ(header_of(5), from_hex("00000005"));
    EXPECT_EQ(header_of(0x7fffffff), from_hex("7fffffff"));
    EXPECT_EQ(header_of(0x80000000), from_hex("ffffffff0000000080000000"));
    EXPECT_EQ(header_of(3 * gibibyte), from_hex("ffffffff00000000c0000000"));
}

TEST(Frame, is_put_together_from_pieces_of_any_size) {
    Bytes stream;
    const std::vector<std::string> messages = {"", "x", "hello", std::string(70'000, 'y'), ""};
    for (const std::string& each : messages) {
        const Bytes header = header_of(each.size());
        stream.insert(stream.end(), header.begin(), header.end());
        const auto bytes = std::as_bytes(std::span(each));
        stream.insert(stream.end(), bytes.begin(), bytes.end());
    }
    for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{4096}, stream.size()}) {
        FrameReader reader;
        std::span<const std::byte> left = stream;
        for (const std::string& each : messages) {
            EXPECT_TRUE(reader.empty());
            left = feed(reader, left, piece);
            ASSERT_TRUE(reader.whole());
            EXPECT_TRUE(std::ranges::equal(reader.take(), std::as_bytes(std::span(each))));
        }
        EXPECT_TRUE(left.empty());
    }
}

// Who else reads the same socket must find the next frame whole.
TEST(Frame, asks_for_no_byte_beyond_it) {
    FrameReader reader;
    EXPECT_EQ(reader.room(no_limit).size(), 4u);
    feed(reader, from_hex("00000003"));
    EXPECT_EQ(reader.room(no_limit).size(), 3u);
    feed(reader, from_hex("0102"));
    EXPECT_EQ(reader.room(no_limit).size(), 1u);
    feed(reader, from_hex("03"));
    EXPECT_TRUE(reader.room(no_limit).empty());
    EXPECT_TRUE(reader.whole());
}

TEST(Frame, of_two_gibibytes_and_more_has_a_long_header) {
    FrameReader reader;
    feed(reader, from_hex("ffffffff"));
    EXPECT_FALSE(reader.whole());
    EXPECT_EQ(reader.room(no_limit).size(), 8u);
    feed(reader, from_hex("00000000c0000000"));
    EXPECT_EQ(reader.length(), 3 * gibibyte);
    EXPECT_FALSE(reader.room(no_limit).empty());
}

TEST(Frame, that_is_announced_takes_no_memory_before_it_comes) {
    FrameReader reader;
    feed(reader, from_hex("ffffffff7fffffffffffffff"));
    EXPECT_LE(reader.room(no_limit).size(), 1024u * 1024);
    feed(reader, Bytes(10'000));
    EXPECT_LE(reader.room(no_limit).size(), 1024u * 1024);
}

TEST(Frame, longer_than_is_allowed_is_refused_and_can_be_had_with_a_larger_limit) {
    FrameReader reader;
    const Bytes stream = from_hex("000000050102030405");
    const auto left = feed(reader, stream, no_limit, 4);
    EXPECT_EQ(left.size(), 5u);
    EXPECT_TRUE(reader.room(4).empty());
    EXPECT_FALSE(reader.whole());
    EXPECT_EQ(reader.length(), 5u);
    feed(reader, left, no_limit, 5);
    ASSERT_TRUE(reader.whole());
    EXPECT_EQ(reader.take(), from_hex("0102030405"));
}

TEST(Frame, of_a_negative_length_is_refused) {
    for (const char* const header : {"80000000", "fffffffe", "cafebabe"}) {
        FrameReader reader;
        feed(reader, from_hex(header));
        EXPECT_TRUE(reader.room(no_limit).empty()) << header;
        EXPECT_FALSE(reader.whole()) << header;
    }
}

}  // namespace
