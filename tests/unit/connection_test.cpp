// SPDX-License-Identifier: Apache-2.0

// Pipes and connections within one process: values, and the two ends.

#include <procession/connection.hpp>

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "support/expect.hpp"
#include "support/thrown.hpp"

namespace {

using namespace std::chrono_literals;
namespace test = procession::test;
using test::thrown;

TEST(Connection, sends_values_both_ways) {
    auto [a, b] = mp::Pipe();
    a.send(42);
    a.send("text");
    b.send(std::vector<double>{1, 2.5});
    EXPECT_EQ(b.recv<int>(), 42);
    EXPECT_EQ(b.recv<std::string>(), "text");
    EXPECT_EQ(a.recv<std::vector<double>>(), (std::vector<double>{1, 2.5}));
}

TEST(Connection, takes_text_in_every_spelling_as_a_string) {
    auto [a, b] = mp::Pipe();
    const char array[] = "array";
    const char* pointer = "pointer";
    std::string lvalue = "lvalue";
    a.send("literal");
    a.send(array);
    a.send(pointer);
    a.send(std::string_view("view"));
    a.send(lvalue);
    a.send(std::string("rvalue"));
    for (const char* expected : {"literal", "array", "pointer", "view", "lvalue", "rvalue"})
        EXPECT_EQ(b.recv<std::string>(), expected);
    EXPECT_EQ(lvalue, "lvalue");
}

TEST(Connection, sends_empty_values) {
    auto [a, b] = mp::Pipe();
    a.send("");
    a.send(std::vector<int>());
    EXPECT_EQ(b.recv<std::string>(), "");
    EXPECT_EQ(b.recv<std::vector<int>>(), std::vector<int>());
}

TEST(Connection, keeps_the_order_of_short_and_long_values) {
    auto [a, b] = mp::Pipe();
    for (std::size_t size : {0u, 1'000u, 1'023u, 1'024u, 1'025u, 1'040u, 1'041u, 100'000u, 1u})
        a.send(std::string(size, 'x'));
    for (std::size_t size : {0u, 1'000u, 1'023u, 1'024u, 1'025u, 1'040u, 1'041u, 100'000u, 1u})
        EXPECT_EQ(b.recv<std::string>(), std::string(size, 'x'));
}

TEST(Connection, refuses_another_type_and_keeps_the_message) {
    auto [a, b] = mp::Pipe();
    a.send(std::vector<int>{1, 2});
    a.send("next");
    test::expect_parts(
        thrown<mp::TypeMismatch>([&, &b = b] { static_cast<void>(b.recv<std::string>()); }),
        {"Connection::recv", "string", "vector", "int", "receive it as that"});
    EXPECT_EQ(b.recv<std::vector<int>>(), (std::vector<int>{1, 2}));
    EXPECT_EQ(b.recv<std::string>(), "next");
}

TEST(Connection, receives_a_variant_of_what_it_may_be) {
    using Either = std::variant<int, std::string>;
    auto [a, b] = mp::Pipe();
    a.send(1);
    a.send("two");
    a.send(Either(3));
    a.send(4.0);
    EXPECT_EQ(b.recv<Either>(), Either(1));
    EXPECT_EQ(b.recv<Either>(), Either("two"));
    EXPECT_EQ(b.recv<Either>(), Either(3));
    EXPECT_THROW(static_cast<void>(b.recv<Either>()), mp::TypeMismatch);
    EXPECT_EQ(b.recv<double>(), 4.0);
}

TEST(Connection, sends_what_others_read_as_a_variant_only_as_that) {
    auto [a, b] = mp::Pipe();
    a.send(std::variant<int, std::string>(3));
    EXPECT_THROW(static_cast<void>(b.recv<int>()), mp::TypeMismatch);
    EXPECT_EQ((b.recv<std::variant<int, std::string>>()), (std::variant<int, std::string>(3)));
}

// ---------------------------------------------------------------- the ends

TEST(Connection, sees_the_end_of_file_after_what_was_sent) {
    auto [a, b] = mp::Pipe();
    a.send(1);
    a.close();
    EXPECT_TRUE(b.poll());
    EXPECT_EQ(b.recv<int>(), 1);
    EXPECT_TRUE(b.poll());
    const std::string text = "the other end is closed";
    EXPECT_EQ(thrown<mp::EndOfFile>([&b = b] { static_cast<void>(b.recv<int>()); }),
              "Connection::recv: " + text);
    EXPECT_EQ(thrown<mp::EndOfFile>([&b = b] { static_cast<void>(b.recv_bytes()); }),
              "Connection::recv_bytes: " + text);
    EXPECT_EQ(thrown<mp::EndOfFile>([&b = b] { b.send(1); }), "Connection::send: " + text);
    EXPECT_EQ(thrown<mp::EndOfFile>([&b = b] { b.send_bytes("x"); }), "Connection::send_bytes: " + text);
    EXPECT_FALSE(b.closed());
}

void expect_closed(const mp::Connection& end) {
    std::string memory(4, ' ');
    EXPECT_TRUE(end.closed());
    const auto expect = [](const char* call, const std::string& text) {
        EXPECT_EQ(text, "Connection::" + std::string(call) + ": the connection is closed");
    };
    expect("send", thrown<mp::ValueError>([&] { end.send(1); }));
    expect("recv", thrown<mp::ValueError>([&] { static_cast<void>(end.recv<int>()); }));
    expect("send_bytes", thrown<mp::ValueError>([&] { end.send_bytes("x"); }));
    expect("recv_bytes", thrown<mp::ValueError>([&] { static_cast<void>(end.recv_bytes()); }));
    expect("recv_bytes_into", thrown<mp::ValueError>([&] { end.recv_bytes_into(memory); }));
    expect("poll", thrown<mp::ValueError>([&] { static_cast<void>(end.poll()); }));
    expect("fileno", thrown<mp::ValueError>([&] { end.fileno(); }));
    expect("dup", thrown<mp::ValueError>([&] { static_cast<void>(end.dup()); }));
    end.close();
    EXPECT_TRUE(end.closed());
}

TEST(Connection, that_was_closed_refuses_everything) {
    auto [a, b] = mp::Pipe();
    EXPECT_FALSE(a.closed());
    a.send(1);
    b.close();
    expect_closed(b);
}

TEST(Connection, by_default_is_a_closed_one) {
    const mp::Connection none;
    expect_closed(none);
    EXPECT_FALSE(none.readable());
    EXPECT_FALSE(none.writable());
}

TEST(Connection, that_is_closed_cannot_be_sent) {
    auto [a, b] = mp::Pipe();
    mp::Connection none;
    auto [c, d] = mp::Pipe();
    c.close();
    const char* const text = "Connection::send: the connection is closed";
    EXPECT_EQ(thrown<mp::ValueError>([&, &a = a] { a.send(std::move(none)); }), text);
    EXPECT_EQ(thrown<mp::ValueError>([&a = a, &c = c] { a.send(std::move(c)); }), text);
    EXPECT_FALSE(b.poll());
}

TEST(Connection, of_a_one_way_pipe_only_receives_or_only_sends) {
    auto [to, from] = mp::Pipe(false);
    EXPECT_TRUE(to.readable());
    EXPECT_FALSE(to.writable());
    EXPECT_FALSE(from.readable());
    EXPECT_TRUE(from.writable());
    from.send(1);
    EXPECT_EQ(to.recv<int>(), 1);
    EXPECT_EQ(thrown<mp::ValueError>([&to = to] { to.send(1); }),
              "Connection::send: this end of the pipe only receives. Use the other one, or Pipe(true).");
    EXPECT_EQ(thrown<mp::ValueError>([&from = from] { static_cast<void>(from.recv<int>()); }),
              "Connection::recv: this end of the pipe only sends. Use the other one, or Pipe(true).");
    EXPECT_THROW(to.send_bytes("x"), mp::ValueError);
    EXPECT_THROW(static_cast<void>(from.recv_bytes()), mp::ValueError);
    EXPECT_THROW(static_cast<void>(from.poll()), mp::ValueError);
    EXPECT_THROW(from.fileno(), mp::ValueError);
    std::string memory(4, ' ');
    EXPECT_THROW(from.recv_bytes_into(memory), mp::ValueError);
    to.close();
    EXPECT_THROW(from.send(1), mp::EndOfFile);
}

TEST(Connection, of_a_two_way_pipe_does_both) {
    const auto [a, b] = mp::Pipe();
    for (const mp::Connection* end : {&a, &b}) {
        EXPECT_TRUE(end->readable());
        EXPECT_TRUE(end->writable());
    }
}

TEST(Connection, is_open_until_all_of_an_end_are_closed) {
    auto [a, b] = mp::Pipe();
    auto again = a.dup();
    auto third = again.dup();
    a.close();
    again.send(1);
    again.close();
    EXPECT_EQ(b.recv<int>(), 1);
    EXPECT_FALSE(b.poll());
    b.send(2);
    EXPECT_EQ(third.recv<int>(), 2);
    third.close();
    EXPECT_THROW(static_cast<void>(b.recv<int>()), mp::EndOfFile);
}

TEST(Connection, moves) {
    auto [a, b] = mp::Pipe();
    mp::Connection moved = std::move(a);
    EXPECT_TRUE(a.closed());
    moved.send(1);
    EXPECT_EQ(b.recv<int>(), 1);
    a = std::move(moved);
    EXPECT_FALSE(a.closed());
    auto [c, d] = mp::Pipe();
    a = std::move(c);
    EXPECT_THROW(static_cast<void>(b.recv<int>()), mp::EndOfFile) << "what a was is closed";
    a.send(2);
    EXPECT_EQ(d.recv<int>(), 2);
}

// conformance: connection.scope
TEST(Connection, is_closed_where_its_scope_ends) {
    mp::Connection b;
    {
        auto [a, other] = mp::Pipe();
        b = std::move(other);
        EXPECT_FALSE(a.closed());
        EXPECT_FALSE(b.closed());
        a.send(1729);
        EXPECT_EQ(b.recv<int>(), 1729);
    }
    EXPECT_THROW(static_cast<void>(b.recv<int>()), mp::EndOfFile);
    b.close();
    EXPECT_TRUE(b.closed());
    EXPECT_THROW(static_cast<void>(b.recv<int>()), mp::ValueError);
}

}  // namespace
