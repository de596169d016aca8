// SPDX-License-Identifier: Apache-2.0

// Bytes through pipes: parts of them, into memory, and very long ones.

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <numeric>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "support/bells.hpp"
#include "support/expect.hpp"
#include "support/thrown.hpp"

namespace {

using namespace std::chrono_literals;
namespace test = procession::test;
using test::thrown;

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
std::string received_by(const mp::Connection& end) { return text_of(end.recv_bytes()); }

/// Bytes of which no two parts are the same.
std::vector<std::uint32_t> numbers(std::size_t bytes, std::uint32_t first = 0) {
    std::vector<std::uint32_t> all(bytes / sizeof(std::uint32_t));
    std::iota(all.begin(), all.end(), first);
    return all;
}
void send_numbers(const mp::Connection& to, const std::vector<std::uint32_t>& all,
                  std::stop_token stop = {}) {
    to.send_bytes(std::as_bytes(std::span(all)), 0, {}, std::move(stop));
}
bool are_numbers(std::span<const std::byte> bytes, std::size_t size, std::uint32_t first = 0) {
    const auto expected = numbers(size, first);
    return std::ranges::equal(bytes, std::as_bytes(std::span(expected)));
}

TEST(ConnectionBytes, are_those_of_whatever_is_like_bytes) {
    auto [a, b] = mp::Pipe();
    const std::string text = "string";
    const std::array<unsigned char, 3> array{'a', 'b', 'c'};
    const std::vector<std::byte> bytes{std::byte{'x'}, std::byte{0}};
    const char not_terminated[] = {'n', 'o'};
    a.send_bytes("literal");
    a.send_bytes("in\0side");
    a.send_bytes(text);
    a.send_bytes(std::string_view(text).substr(3));
    a.send_bytes(array);
    a.send_bytes(bytes);
    a.send_bytes(std::span(bytes).first(1));
    a.send_bytes(not_terminated);
    a.send_bytes(u8"utf");
    for (const std::string& expected :
         {std::string("literal"), std::string("in\0side", 7), std::string("string"), std::string("ing"),
          std::string("abc"), std::string("x\0", 2), std::string("x"), std::string("no")})
        EXPECT_EQ(received_by(b), expected);
}

// conformance: connection.send_bytes_ranges
TEST(ConnectionBytes, are_a_part_where_one_is_asked_for) {
    auto [a, b] = mp::Pipe();
    const std::string letters = "abcdefghijklmnopqrstuvwxyz";
    a.send_bytes(letters);
    EXPECT_EQ(received_by(b), letters);
    a.send_bytes(letters, 5);
    EXPECT_EQ(received_by(b), letters.substr(5));
    a.send_bytes(letters, 7, 8);
    EXPECT_EQ(received_by(b), letters.substr(7, 8));
    a.send_bytes(letters, 26);
    EXPECT_EQ(received_by(b), "");
    a.send_bytes(letters, 26, 0);
    EXPECT_EQ(received_by(b), "");
    EXPECT_EQ(thrown<mp::ValueError>([&, &a = a] { a.send_bytes(letters, 27); }),
              "Connection::send_bytes: offset 27 and size of the rest are not within 26 bytes");
    EXPECT_EQ(thrown<mp::ValueError>([&, &a = a] { a.send_bytes(letters, 22, 5); }),
              "Connection::send_bytes: offset 22 and size 5 are not within 26 bytes");
    EXPECT_THROW(a.send_bytes(letters, 26, 1), mp::ValueError);
    EXPECT_THROW(a.send_bytes(letters, 1, std::size_t(-1)), mp::ValueError);
    EXPECT_THROW(a.send_bytes(letters, std::size_t(-1), 2), mp::ValueError);
    EXPECT_FALSE(b.poll());
}

TEST(ConnectionBytes, longer_than_allowed_can_still_be_received) {
    auto [a, b] = mp::Pipe();
    a.send_bytes("0123456789");
    EXPECT_EQ(thrown<mp::ValueError>([&b = b] { static_cast<void>(b.recv_bytes(9)); }),
              "Connection::recv_bytes: a message of 10 bytes, where 9 are allowed; it can still be "
              "received");
    EXPECT_EQ(text_of(b.recv_bytes(10)), "0123456789");
    a.send_bytes("");
    EXPECT_EQ(text_of(b.recv_bytes(0)), "");
    a.send_bytes(std::vector<char>(20'000'000), 0, 100);
    EXPECT_THROW(static_cast<void>(b.recv_bytes(99)), mp::ValueError);
    EXPECT_EQ(b.recv_bytes(100).size(), 100u);
}

TEST(ConnectionBytes, are_received_into_memory) {
    auto [a, b] = mp::Pipe();
    std::string memory = "..........";
    a.send_bytes("abc");
    EXPECT_EQ(b.recv_bytes_into(memory), 3u);
    EXPECT_EQ(memory, "abc.......");
    a.send_bytes("de");
    EXPECT_EQ(b.recv_bytes_into(memory, 8), 2u);
    EXPECT_EQ(memory, "abc.....de");
    a.send_bytes("");
    EXPECT_EQ(b.recv_bytes_into(memory, 10), 0u);
    std::array<std::byte, 4> bytes{};
    a.send_bytes("wxyz");
    EXPECT_EQ(b.recv_bytes_into(std::span(bytes)), 4u);
    EXPECT_EQ(text_of(bytes), "wxyz");
    EXPECT_EQ(thrown<mp::ValueError>([&, &b = b] { b.recv_bytes_into(memory, 11); }),
              "Connection::recv_bytes_into: offset 11 is not within 10 bytes");
}

TEST(ConnectionBytes, that_have_no_room_are_in_the_exception) {
    auto [a, b] = mp::Pipe();
    std::string memory = "....";
    a.send_bytes("longer");
    a.send_bytes("next");
    try {
        b.recv_bytes_into(memory, 1);
        ADD_FAILURE() << "not too short";
    } catch (const mp::BufferTooShort& error) {
        EXPECT_EQ(text_of(error.message), "longer");
        EXPECT_EQ(error.what(), std::string("Connection::recv_bytes_into: a message of 6 bytes for 3; "
                                            "it is in the exception"));
    }
    EXPECT_EQ(memory, "....");
    EXPECT_EQ(b.recv_bytes_into(memory), 4u);
    EXPECT_EQ(memory, "next");
}

TEST(ConnectionBytes, are_no_value_but_a_value_is_bytes) {
    auto [a, b] = mp::Pipe();
    a.send_bytes("bytes");
    test::expect_parts(thrown<mp::TypeMismatch>([&b = b] { static_cast<void>(b.recv<int>()); }),
                       {"int", "bytes"});
    EXPECT_EQ(received_by(b), "bytes");
    a.send(std::int32_t{7});
    EXPECT_GE(b.recv_bytes().size(), sizeof(std::int32_t));
}

// ---------------------------------------------------------------- long ones

constexpr std::size_t mebi = 1024 * 1024;

TEST(ConnectionBytes, of_each_length_near_a_border_arrive_whole) {
    auto [a, b] = mp::Pipe();
    for (const std::size_t border : {1024 * 1ul, 1040 * 1ul, 512 * 1024ul, 1 * mebi, 16 * mebi})
        for (const std::size_t size : {border - 8, border - 4, border, border + 4, border + 8}) {
            std::thread sender([size, &a = a] { send_numbers(a, numbers(size)); });
            EXPECT_TRUE(are_numbers(b.recv_bytes(), size)) << size;
            sender.join();
        }
}

TEST(ConnectionBytes, that_are_very_long_keep_their_place) {
    auto [a, b] = mp::Pipe();
    std::thread sender([&a = a] {
        a.send(1);
        send_numbers(a, numbers(64 * mebi));
        a.send(2);
        a.close();
    });
    EXPECT_EQ(b.recv<int>(), 1);
    EXPECT_TRUE(b.poll(mp::forever));
    test::expect_parts(thrown<mp::TypeMismatch>([&b = b] { static_cast<void>(b.recv<int>()); }),
                       {"bytes"});
    EXPECT_THROW(static_cast<void>(b.recv_bytes(64 * mebi - 1)), mp::ValueError);
    EXPECT_TRUE(are_numbers(b.recv_bytes(64 * mebi), 64 * mebi));
    EXPECT_EQ(b.recv<int>(), 2);
    EXPECT_THROW(static_cast<void>(b.recv_bytes()), mp::EndOfFile);
    sender.join();
}

TEST(ConnectionBytes, that_are_very_long_are_received_into_memory) {
    auto [a, b] = mp::Pipe();
    constexpr std::size_t size = 20 * mebi;
    std::vector<std::byte> memory(size + 8);
    std::thread sender([&a = a] {
        for (int i = 0; i < 2; ++i) send_numbers(a, numbers(size));
    });
    EXPECT_EQ(b.recv_bytes_into(memory, 8), size);
    EXPECT_TRUE(are_numbers(std::span(memory).subspan(8), size));
    try {
        b.recv_bytes_into(memory, 9);
        ADD_FAILURE() << "not too short";
    } catch (const mp::BufferTooShort& error) {
        EXPECT_TRUE(are_numbers(error.message, size));
    }
    sender.join();
}

TEST(ConnectionBytes, that_are_very_long_come_from_several_threads_to_several) {
    auto [a, b] = mp::Pipe();
    constexpr std::uint32_t count = 3;
    constexpr std::size_t size = 18 * mebi;
    std::vector<std::thread> threads;
    std::array<std::atomic<int>, 2 * count> seen{};
    for (std::uint32_t i = 0; i < count; ++i) {
        threads.emplace_back([i, &a = a] {
            for (const std::uint32_t first : {i, i + count}) send_numbers(a, numbers(size, first));
        });
        threads.emplace_back([&, &b = b] {
            for (int j = 0; j < 2; ++j) {
                const auto bytes = b.recv_bytes();
                std::uint32_t first = 0;
                std::memcpy(&first, bytes.data(), sizeof first);
                EXPECT_TRUE(are_numbers(bytes, size, first));
                ++seen.at(first);
            }
        });
    }
    for (auto& thread : threads) thread.join();
    for (const auto& times : seen) EXPECT_EQ(times, 1);
}

/// Receives a part of a very long message.
void begin_to_receive(const mp::Connection& end) {
    static_cast<void>(end.poll(mp::forever));
    EXPECT_THROW(static_cast<void>(end.recv_bytes({}, 0s)), mp::TimeoutError);
}

TEST(ConnectionBytes, whose_time_runs_out_in_the_middle_go_on_later) {
    auto [a, b] = mp::Pipe();
    const auto again = b.dup();
    const int fd = b.fileno();
    std::thread sender([&a = a] {
        send_numbers(a, numbers(64 * mebi));
        a.send(1);
    });
    begin_to_receive(b);
    EXPECT_TRUE(test::is_readable(fd));
    EXPECT_TRUE(b.poll());
    EXPECT_TRUE(again.poll());
    EXPECT_THROW(static_cast<void>(again.recv<int>()), mp::TypeMismatch);
    EXPECT_TRUE(are_numbers(again.recv_bytes(), 64 * mebi));
    EXPECT_EQ(b.recv<int>(), 1);
    EXPECT_FALSE(b.poll());
    EXPECT_FALSE(test::is_readable(fd));
    sender.join();
}

TEST(ConnectionBytes, that_one_thread_has_no_time_for_another_receives) {
    auto [a, b] = mp::Pipe();
    std::atomic<pid_t> id{0};
    // It waits for the next message, and gets what the other one leaves.
    std::thread waits([&, &b = b] {
        id = ::gettid();
        EXPECT_TRUE(are_numbers(b.recv_bytes(), 64 * mebi));
    });
    test::wait_until([&] { return id != 0 && test::thread_state(id) == 'S'; });
    std::thread sender([&a = a] { send_numbers(a, numbers(64 * mebi)); });
    std::thread gives_up([&b = b] {
        try {
            static_cast<void>(b.recv_bytes({}, 1ms));
        } catch (const mp::TimeoutError&) {
        }
    });
    for (std::thread* thread : {&waits, &sender, &gives_up}) thread->join();
}

TEST(ConnectionBytes, whose_sender_is_stopped_in_the_middle_never_came) {
    auto [a, b] = mp::Pipe();
    std::stop_source stop;
    std::thread sender([&stop, &a = a] {
        EXPECT_THROW(send_numbers(a, numbers(64 * mebi), stop.get_token()), mp::CancelledError);
        a.send(1);
    });
    begin_to_receive(b);
    stop.request_stop();
    sender.join();
    EXPECT_EQ(received_by(b).size(), sizeof(int));
}

TEST(ConnectionBytes, whose_receiver_closes_in_the_middle_set_their_sender_free) {
    auto [a, b] = mp::Pipe();
    std::thread sender([&a = a] { EXPECT_THROW(send_numbers(a, numbers(64 * mebi)), mp::EndOfFile); });
    begin_to_receive(b);
    b.close();
    sender.join();
}

TEST(ConnectionBytes, that_are_half_sent_end_where_their_own_end_is_closed) {
    auto [a, b] = mp::Pipe();
    std::thread sender([&a = a] {
        EXPECT_EQ(thrown<mp::ValueError>([&a] { send_numbers(a, numbers(64 * mebi)); }),
                  "Connection::send_bytes: the connection is closed");
    });
    begin_to_receive(b);
    a.close();
    sender.join();
    EXPECT_THROW(static_cast<void>(b.recv_bytes()), mp::EndOfFile);
}

TEST(ConnectionBytes, that_are_half_received_end_where_their_own_end_is_closed) {
    auto [a, b] = mp::Pipe();
    std::stop_source stop;
    // Somebody sends, but only in the beginning.
    std::thread sender([&stop, &a = a] {
        EXPECT_THROW(send_numbers(a, numbers(64 * mebi), stop.get_token()), mp::CancelledError);
    });
    begin_to_receive(b);
    const auto kept = b.dup();
    b.close();
    EXPECT_THROW(static_cast<void>(b.recv_bytes()), mp::ValueError);
    EXPECT_TRUE(kept.poll()) << "the same end goes on with it";
    stop.request_stop();
    sender.join();
    a.close();
    EXPECT_THROW(static_cast<void>(kept.recv_bytes()), mp::EndOfFile);
}

}  // namespace
