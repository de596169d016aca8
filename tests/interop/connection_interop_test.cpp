// SPDX-License-Identifier: Apache-2.0

// Connections to Python: the python3 of the PATH, and what PROCESSION_PYTHONS lists (paths with ':' between
// them).
#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "support/expect.hpp"
#include "support/listening.hpp"
#include "support/python.hpp"
#include "support/python_peer.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;
using procession::Address;
using procession::AuthKey;
using procession::Client;
using procession::Connection;
using procession::Listener;

const std::vector<std::optional<AuthKey>> keys = {std::nullopt, AuthKey("peekaboo"), AuthKey(""),
                                                  AuthKey(std::string(100, '\xff'))};

PythonPeer connecting_to(const Listener& listener, const Python& python,
                         const std::optional<AuthKey>& key) {
    return {python, "connection_peer.py", {"connect", argument_for(listener.address()), hex_of(key)}};
}

class ConnectionWithPython : public testing::Test {
  protected:
    void SetUp() override {
        pythons_ = pythons(6);
        if (pythons_.empty()) GTEST_SKIP() << "there is no python3 of 3.6 or later in the PATH";
    }
    std::vector<Python> pythons_;
};

void exchange(const Connection& connection) {
    for (const std::size_t size : {0u, 1u, 5u, 16'384u, 16'385u, 1'000'000u}) {
        connection.send_bytes(std::string(size, 'x'));
        EXPECT_EQ(recv_text(connection), std::string(size, 'X'));
    }
    // More than the socket takes: all of them are on their way at once.
    std::jthread sender([&] {
        for (int i = 0; i < 1000; ++i) connection.send_bytes(fmt::format("message {}", i));
    });
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(recv_text(connection), fmt::format("MESSAGE {}", i));
}

TEST_F(ConnectionWithPython, is_made_by_it) {
    for (const Python& python : pythons_)
        for (const Address& where :
             {Address(), Address::abstract(own_name("it")), Address("localhost", 0)})
            for (const auto& key : keys) {
                SCOPED_TRACE(fmt::format("{} {} {}", python.path, where, hex_of(key)));
                Listener listener(where, {.authkey = key});
                PythonPeer peer = connecting_to(listener, python, key);
                exchange(listener.accept());
                EXPECT_EQ(peer.said(), "done\n");
            }
}

TEST_F(ConnectionWithPython, is_made_to_it) {
    for (const Python& python : pythons_)
        for (const std::string& where : python_addresses())
            for (const auto& key : keys) {
                SCOPED_TRACE(fmt::format("{} {} {}", python.path, where, hex_of(key)));
                // These leave the handshake out for an empty key, and wait for it on the other side.
                if (key && key->empty() && python.minor < 13) continue;
                PythonListener its(python, where, key);
                exchange(Client(its.address, {.authkey = key}));
                // Up to 3.7 it also complains of the abstract name that it tries to unlink.
                EXPECT_TRUE(its.peer.said().ends_with("done\n"));
            }
}

TEST_F(ConnectionWithPython, fails_on_both_sides_when_the_keys_differ) {
    const AuthKey ours("ours"), theirs("theirs");
    for (const Python& python : pythons_) {
        SCOPED_TRACE(python.path);
        Listener listener(Address("localhost", 0), {.authkey = ours, .handshake_timeout = 1h});
        PythonPeer peer = connecting_to(listener, python, theirs);
        EXPECT_THROW(listener.accept(), procession::AuthenticationError);
        expect_parts(peer.said(), {"AuthenticationError"});
        PythonPeer right = connecting_to(listener, python, ours);
        (void)listener.accept();
        EXPECT_EQ(right.said(), "done\n");

        PythonListener its(python, python_addresses().back(), theirs);
        EXPECT_THROW((void)Client(its.address, {.authkey = ours}), procession::AuthenticationError);
        expect_parts(its.peer.said(), {"AuthenticationError"});
    }
}

TEST_F(ConnectionWithPython, of_which_only_one_side_has_a_key_fails) {
    const AuthKey key("peekaboo");
    for (const Python& python : pythons_) {
        SCOPED_TRACE(python.path);
        // It takes the challenge for a message, and what it sends back is no answer.
        Listener listener(Address("localhost", 0), {.authkey = key, .handshake_timeout = 1h});
        PythonPeer peer = connecting_to(listener, python, {});
        EXPECT_THROW(listener.accept(), procession::AuthenticationError);
        EXPECT_EQ(peer.said(), "done\n");

        PythonListener its(python, python_addresses().back(), {});
        EXPECT_THROW((void)Client(its.address, {.authkey = key, .timeout = 50ms}),
                     procession::TimeoutError);
        EXPECT_EQ(its.peer.said(), "done\n");
    }
}

// Their length takes the eight bytes behind the mark.
TEST_F(ConnectionWithPython, sends_and_receives_messages_of_3_gib) {
    if (!std::getenv("PROCESSION_STORM_SECONDS"))
        GTEST_SKIP() << "it takes 12 GiB of memory: the long preset has it";
    const std::size_t size = std::size_t{3} << 30;
    for (const Address& where : {Address(), Address("localhost", 0)}) {
        Listener listener(where);
        PythonPeer peer = connecting_to(listener, pythons_.front(), {});
        const Connection connection = listener.accept();
        {
            const std::string sent(size, 'x');
            connection.send_bytes(sent);
        }
        const auto received = connection.recv_bytes();
        EXPECT_EQ(received.size(), size);
        EXPECT_TRUE(
            std::ranges::all_of(received, [](std::byte each) { return each == std::byte{'X'}; }));
        connection.close();
        EXPECT_EQ(peer.said(), "done\n");
    }
}

}  // namespace
