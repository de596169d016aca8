// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <cctype>
#include <thread>

#include "support/listening.hpp"
#include "support/proc.hpp"
#include "support/start_methods.hpp"

namespace {

using namespace procession::test;
using procession::Address;
using procession::Client;
using procession::Connection;
using procession::Listener;

class ConnectionPassing : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(, ConnectionPassing, all_start_methods(), name_of_parameter);

std::string upper(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char each) { return std::toupper(each); });
    return text;
}

/// Whatever connections come, it says what it hears there in capitals.
void answer(Connection inbox) {
    try {
        for (;;) {
            const auto connection = inbox.recv<Connection>();
            connection.send_bytes(upper(recv_text(connection)));
        }
    } catch (const procession::EndOfFile&) {
    }
}

/// Accepts, and passes on what it accepted.
void accept_for(Connection outbox, Address where, Connection told) {
    Listener listener(where);
    told.send(listener.address());
    outbox.send(listener.accept());
}

// conformance: connection.pass_accepted
TEST_P(ConnectionPassing, test_pickling) {
    for (const Address& where : {own_path("pass"), Address("localhost", 0)}) {
        auto [told, tell] = mp::Pipe(false);
        auto [from_listener, to_listener] = mp::Pipe();
        auto [from_answerer, to_answerer] = mp::Pipe();
        mp::Process listener(accept_for, std::move(to_listener), where, std::move(tell));
        listener.start();
        mp::Process answerer(answer, std::move(to_answerer));
        answerer.start();
        const Connection client = Client(told.recv<Address>());
        client.send_bytes("hello");
        Connection accepted = from_listener.recv<Connection>();
        // Who accepted it has ended, and it is open still.
        listener.join();
        EXPECT_EQ(listener.exitcode(), 0);
        from_answerer.send(std::move(accepted));
        EXPECT_TRUE(accepted.closed());
        EXPECT_EQ(recv_text(client), "HELLO");
        EXPECT_THROW((void)client.recv_bytes(), procession::EndOfFile);
        from_answerer.close();
        answerer.join();
        EXPECT_EQ(answerer.exitcode(), 0);
    }
}

void say_hello(Connection connection) { connection.send_bytes("hello"); }

TEST_P(ConnectionPassing, as_an_argument_closes_it_here) {
    Listener listener;
    const Connection client = Client(listener.address());
    Connection accepted = listener.accept();
    mp::Process process(say_hello, std::move(accepted));
    process.start();
    EXPECT_EQ(recv_text(client), "hello");
    EXPECT_THROW((void)client.recv_bytes(), procession::EndOfFile);
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
}

TEST(PassedConnection, in_a_message_is_open_and_a_lost_message_closes_it) {
    Listener listener;
    const Connection client = Client(listener.address());
    {
        const auto [reader, writer] = mp::Pipe(false);
        writer.send(listener.accept());
        EXPECT_FALSE(client.poll());
    }
    // Nobody will receive it.
    EXPECT_THROW((void)client.recv_bytes(), procession::EndOfFile);
}

TEST(PassedConnection, ends_when_the_fork_server_that_keeps_it_is_killed) {
    Listener listener;
    const Connection client = Client(listener.address());
    const auto [reader, writer] = mp::Pipe(false);
    writer.send(listener.accept());
    for (const ProcessEntry& each : processes())
        if (each.name == "procession-fs" && each.parent == ::getpid()) ::kill(each.pid, SIGKILL);
    EXPECT_THROW((void)client.recv_bytes(), procession::EndOfFile);
    const auto received = reader.recv<Connection>();
    EXPECT_THROW((void)received.recv_bytes(), procession::EndOfFile);
    EXPECT_THROW(received.send_bytes("x"), procession::EndOfFile);
}

TEST(PassedConnection, is_none_that_is_encrypted) {
    const procession::AuthKey key("peekaboo");
    const procession::Tls by_key{.psk_from_authkey = true};
    Listener listener(Address("localhost", 0), {.authkey = key, .tls = by_key});
    std::jthread client([&] {
        const Connection end = Client(listener.address(), {.authkey = key, .tls = by_key});
        EXPECT_EQ(recv_text(end), "still here");
    });
    Connection accepted = listener.accept();
    const auto [reader, writer] = mp::Pipe(false);
    EXPECT_THROW(writer.send(std::move(accepted)), procession::StateError);
    accepted.send_bytes("still here");
}

}  // namespace
