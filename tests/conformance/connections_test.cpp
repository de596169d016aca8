// SPDX-License-Identifier: Apache-2.0

// What CPython's own tests ask of connections, where a child takes part.

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <chrono>
#include <numeric>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "support/start_methods.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;

class ConnectionConformance : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EachMethod, ConnectionConformance, all_start_methods(), name_of_parameter);

std::string text_of(const std::vector<std::byte>& bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Sends back whatever comes, until the end of file or nothing.
void echo(mp::Connection end) {
    try {
        for (;;) {
            const auto message = end.recv_bytes();
            if (message.empty()) return;
            end.send_bytes(message);
        }
    } catch (const mp::EndOfFile&) {
    }
}

// conformance: connection.duplex_echo
TEST_P(ConnectionConformance, bytes_come_back_as_they_were) {
    auto [mine, theirs] = mp::Pipe();
    mp::Process p(echo, std::move(theirs));
    p.start();
    mine.send_bytes("hello");
    EXPECT_EQ(text_of(mine.recv_bytes()), "hello");

    std::vector<int> room(10);
    const auto memory = std::as_writable_bytes(std::span(room));
    std::vector<int> numbers(3);
    std::iota(numbers.begin(), numbers.end(), 1);
    const auto bytes = std::as_bytes(std::span(numbers));
    mine.send_bytes(bytes);
    EXPECT_EQ(mine.recv_bytes_into(memory), bytes.size());
    EXPECT_EQ(room, (std::vector{1, 2, 3, 0, 0, 0, 0, 0, 0, 0}));
    mine.send_bytes(bytes);
    EXPECT_EQ(mine.recv_bytes_into(memory, 3 * sizeof(int)), bytes.size());
    EXPECT_EQ(room, (std::vector{1, 2, 3, 1, 2, 3, 0, 0, 0, 0}));
    const std::string longer(41, 'x');
    mine.send_bytes(longer);
    try {
        mine.recv_bytes_into(memory);
        ADD_FAILURE() << "not too short";
    } catch (const mp::BufferTooShort& error) {
        EXPECT_EQ(text_of(error.message), longer);
    }

    EXPECT_FALSE(mine.poll());
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_FALSE(mine.poll(100ms));
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 100ms);
    mine.send_bytes("there");
    EXPECT_TRUE(mine.poll(mp::forever));
    EXPECT_EQ(text_of(mine.recv_bytes()), "there");

    const std::string large(16 * 1024 * 1024, 'X');
    mine.send_bytes(large);
    EXPECT_EQ(text_of(mine.recv_bytes()), large);
    mine.send_bytes("");
    EXPECT_TRUE(mine.poll(mp::forever));
    EXPECT_THROW(static_cast<void>(mine.recv_bytes()), mp::EndOfFile);
    p.join();
    EXPECT_EQ(p.exitcode(), 0);
}

using Values = std::variant<int, double, std::string, std::vector<int>>;
void echo_values(mp::Connection end) {
    try {
        for (;;) end.send(end.recv<Values>());
    } catch (const mp::EndOfFile&) {
    }
}

// conformance: connection.duplex_echo
TEST_P(ConnectionConformance, values_come_back_as_they_were) {
    auto [mine, theirs] = mp::Pipe();
    mp::Process p(echo_values, std::move(theirs));
    p.start();
    for (const Values& value : {Values(1), Values(2.25), Values("text"), Values(std::vector{1, 2, 3})}) {
        mine.send(value);
        EXPECT_EQ(mine.recv<Values>(), value);
    }
    mine.close();
    p.join();
    EXPECT_EQ(p.exitcode(), 0);
}

// conformance: connection.one_way
TEST_P(ConnectionConformance, a_one_way_pipe_goes_one_way) {
    auto [to, from] = mp::Pipe(false);
    EXPECT_TRUE(to.readable());
    EXPECT_FALSE(to.writable());
    EXPECT_FALSE(from.readable());
    EXPECT_TRUE(from.writable());
    mp::Process p([](mp::Connection end) { end.send(1); }, std::move(from));
    p.start();
    EXPECT_EQ(to.recv<int>(), 1);
    p.join();
    auto [other, sender] = mp::Pipe(false);
    EXPECT_THROW(other.send(2), mp::ValueError);
    EXPECT_THROW(static_cast<void>(sender.recv<int>()), mp::ValueError);
    EXPECT_THROW(static_cast<void>(sender.poll()), mp::ValueError);
}

// conformance: connection.close_right_after_start
TEST_P(ConnectionConformance, the_childs_end_may_be_closed_right_after_the_start) {
    auto [mine, theirs] = mp::Pipe();
    mp::Process p(echo, std::move(theirs));
    p.start();
    theirs.close();
    mine.send_bytes("hello");
    EXPECT_EQ(text_of(mine.recv_bytes()), "hello");
    mine.send_bytes("");
    mine.close();
    p.join();
    EXPECT_EQ(p.exitcode(), 0);
}

// The same where the child has a dup, and this process had the end itself until now.
TEST_P(ConnectionConformance, a_dup_that_the_child_has_may_be_closed_here) {
    auto [mine, theirs] = mp::Pipe();
    mp::Process p(echo, theirs.dup());
    p.start();
    EXPECT_FALSE(theirs.closed());
    theirs.close();
    mine.send_bytes("hello");
    EXPECT_EQ(text_of(mine.recv_bytes()), "hello");
    mine.close();
    p.join();
    EXPECT_EQ(p.exitcode(), 0);
}

void only_poll(mp::Connection shared, mp::Event seen) {
    while (!shared.poll(10ms)) {
    }
    seen.set();
    // And once more, when the first message is gone.
    static_cast<void>(shared.poll());
}

// conformance: connection.poll_keeps_boundaries
TEST_P(ConnectionConformance, a_child_that_polls_takes_nothing) {
    auto [to, from] = mp::Pipe(false);
    mp::Event seen;
    mp::Process p(only_poll, to.dup(), seen);
    p.start();
    from.send_bytes("first");
    seen.wait();
    from.send_bytes("second");
    EXPECT_EQ(text_of(to.recv_bytes()), "first");
    EXPECT_EQ(text_of(to.recv_bytes()), "second");
    p.join();
    EXPECT_EQ(p.exitcode(), 0);
}

void use_what_comes(mp::Connection from_parent) {
    auto writer = from_parent.recv<mp::Connection>();
    writer.send("all is well");
    writer.close();
    auto reader = from_parent.recv<mp::Connection>();
    const auto text = reader.recv<std::string>();
    from_parent.send(text + text);
}

// conformance: connection.pass_pipe_ends
TEST_P(ConnectionConformance, ends_are_sent_to_a_child_that_uses_them) {
    auto [mine, theirs] = mp::Pipe();
    mp::Process p(use_what_comes, std::move(theirs));
    p.start();
    auto [to, from] = mp::Pipe(false);
    mine.send(std::move(from));
    EXPECT_TRUE(from.closed());
    EXPECT_EQ(to.recv<std::string>(), "all is well");
    EXPECT_THROW(static_cast<void>(to.recv<std::string>()), mp::EndOfFile);
    auto [reader, writer] = mp::Pipe(false);
    mine.send(std::move(reader));
    writer.send("foobar");
    EXPECT_EQ(mine.recv<std::string>(), "foobarfoobar");
    p.join();
    EXPECT_EQ(p.exitcode(), 0);
}

}  // namespace
