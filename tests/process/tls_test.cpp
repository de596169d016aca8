// SPDX-License-Identifier: Apache-2.0
#include <procession/listener.hpp>

#include <gtest/gtest.h>
#include <poll.h>
#include <procession/mp.hpp>

#include <atomic>
#include <thread>

#include "os/stream.hpp"
#include "support/certificates.hpp"
#include "support/child.hpp"
#include "support/expect.hpp"
#include "support/listening.hpp"
#include "support/waiting.hpp"

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace procession::test;
using procession::Address;
using procession::Client;
using procession::ClientOptions;
using procession::Connection;
using procession::Listener;
using procession::ListenerOptions;
using procession::Tls;

const procession::AuthKey key("peekaboo");
const Address anywhere("localhost", 0);

const Tls by_key{.psk_from_authkey = true};

template <class Thrown, class Call>
std::string text_of_error(Call call) {
    try {
        call();
    } catch (const Thrown& error) {
        return error.what();
    }
    ADD_FAILURE() << "it did not fail";
    return {};
}

/// A connection over TLS with the authkey, and its other end.
struct Ends {
    Connection ours, theirs;
};
Ends connect_by_key() {
    Listener listener(anywhere, {.authkey = key, .tls = by_key});
    Ends ends;
    std::jthread client(
        [&] { ends.theirs = Client(listener.address(), {.authkey = key, .tls = by_key}); });
    ends.ours = listener.accept();
    return ends;
}

void exchange(const Connection& one, const Connection& other) {
    for (const std::size_t size : {0u, 1u, 16'384u, 100'000u, 5'000'000u}) {
        const std::string message(size, 'x');
        std::jthread sender([&] { one.send_bytes(message); });
        EXPECT_EQ(recv_text(other), message);
    }
}

TEST(Tls, carries_messages_both_ways) {
    const Ends ends = connect_by_key();
    exchange(ends.ours, ends.theirs);
    exchange(ends.theirs, ends.ours);
    ends.theirs.close();
    EXPECT_THROW((void)ends.ours.recv_bytes(), procession::EndOfFile);
    EXPECT_THROW((void)ends.ours.recv_bytes(), procession::EndOfFile);
}

TEST(Tls, carries_messages_both_ways_at_once) {
    const Ends ends = connect_by_key();
    const std::string message(3'000'000, 'x');
    std::vector<std::jthread> senders;
    for (const Connection* each : {&ends.ours, &ends.theirs})
        senders.emplace_back([&, each] {
            for (int i = 0; i < 5; ++i) each->send_bytes(message);
        });
    std::jthread receiver([&] {
        for (int i = 0; i < 5; ++i) EXPECT_EQ(recv_text(ends.theirs), message);
    });
    for (int i = 0; i < 5; ++i) EXPECT_EQ(recv_text(ends.ours), message);
}

TEST(Tls, is_over_when_the_peer_is_killed) {
    Listener listener(anywhere, {.authkey = key, .tls = by_key});
    const pid_t child = fork_to([&] {
        const Connection connection = Client(listener.address(), {.authkey = key, .tls = by_key});
        connection.send_bytes("hello");
        ::kill(::getpid(), SIGKILL);
    });
    const Connection connection = listener.accept();
    EXPECT_EQ(recv_text(connection), "hello");
    EXPECT_THROW((void)connection.recv_bytes(), procession::EndOfFile);
    EXPECT_EQ(end_of(child), -SIGKILL);
}

// Two messages fit one record, of which the socket then shows nothing.
TEST(Tls, shows_the_messages_that_are_decrypted_already) {
    const Ends ends = connect_by_key();
    const auto shows = [&] { return procession::os::is_ready(ends.ours.fileno(), POLLIN); };
    EXPECT_FALSE(shows() || ends.ours.poll());
    for (int i = 0; i < 3; ++i) ends.theirs.send_bytes("hello");
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(ends.ours.poll(1h));
        EXPECT_TRUE(shows());
        EXPECT_EQ(recv_text(ends.ours), "hello");
    }
    EXPECT_FALSE(shows() || ends.ours.poll());
    ends.theirs.close();
    EXPECT_TRUE(ends.ours.poll(1h) && shows());
    EXPECT_THROW((void)ends.ours.recv_bytes(), procession::EndOfFile);
    EXPECT_TRUE(shows());
}

TEST(Tls, waits_no_longer_than_it_may_and_loses_nothing) {
    const Ends ends = connect_by_key();
    EXPECT_THROW((void)ends.ours.recv_bytes({}, 10ms), procession::TimeoutError);
    EXPECT_FALSE(ends.ours.poll(10ms));
    std::jthread waiter([&](std::stop_token stop) {
        EXPECT_THROW((void)ends.ours.recv_bytes({}, procession::forever, stop),
                     procession::CancelledError);
    });
    waiter.request_stop();
    waiter.join();
    ends.theirs.send_bytes("hello");
    EXPECT_EQ(recv_text(ends.ours), "hello");
}

TEST(Tls, is_for_one_process) {
    Ends ends = connect_by_key();
    EXPECT_THROW((void)ends.ours.dup(), procession::StateError);
    // A forked child's copy says no goodbye for its parent.
    EXPECT_EQ(in_child([&] { const Connection gone = std::move(ends.ours); }), 0);
    ends.ours.send_bytes("hello");
    EXPECT_EQ(recv_text(ends.theirs), "hello");
}

TEST(Tls, lets_nobody_in_with_another_key) {
    Listener listener(anywhere, {.authkey = key, .tls = by_key});
    {
        std::jthread client([&] {
            const std::string text = text_of_error<procession::AuthenticationError>([&] {
                (void)Client(listener.address(), {.authkey = procession::AuthKey("no"), .tls = by_key});
            });
            expect_parts(text, {"Client", "TLS", "same authkey"});
        });
        expect_parts(text_of_error<procession::AuthenticationError>([&] { listener.accept(); }),
                     {"Listener", "TLS", "same authkey or certificates"});
    }
    std::jthread client(
        [&] { Client(listener.address(), {.authkey = key, .tls = by_key}).send_bytes("hello"); });
    EXPECT_EQ(recv_text(listener.accept()), "hello");
}

TEST(Tls, is_needed_at_both_ends) {
    {
        Listener listener(anywhere, {.authkey = key, .tls = by_key});
        RawPeer peer(listener.address());
        peer.send("\0\0\0\x0b#CHALLENGE#"s);
        expect_parts(text_of_error<procession::AuthenticationError>([&] { listener.accept(); }),
                     {"TLS"});
    }
    Listener listener(anywhere, {.authkey = key});
    std::jthread client([&] {
        EXPECT_THROW((void)Client(listener.address(), {.authkey = key, .tls = by_key}),
                     procession::AuthenticationError);
    });
    EXPECT_THROW(listener.accept(), procession::AuthenticationError);
}

TEST(Tls, is_not_held_up_by_who_is_silent) {
    Listener listener(anywhere, {.authkey = key, .tls = by_key, .handshake_timeout = 1h});
    const RawPeer silent(listener.address());
    std::jthread client(
        [&] { Client(listener.address(), {.authkey = key, .tls = by_key}).send_bytes("hello"); });
    EXPECT_EQ(recv_text(listener.accept()), "hello");
}

// ---------------------------------------------------------------- certificates

void meet(const ListenerOptions& listening, const ClientOptions& connecting) {
    Listener listener(anywhere, listening);
    std::jthread client([&] {
        const Connection connection =
            Client(Address("localhost", listener.address().port()), connecting);
        connection.send_bytes("hello");
        EXPECT_EQ(recv_text(connection), "world");
    });
    const Connection connection = listener.accept();
    EXPECT_EQ(recv_text(connection), "hello");
    connection.send_bytes("world");
}

TEST(Tls, knows_the_listener_by_its_certificate) {
    const Certificate server("server");
    const Tls listening{.certificate = server.certificate(), .private_key = server.private_key()};
    meet({.tls = listening}, {.tls = Tls{.ca = server.certificate()}});
    meet({.authkey = key, .tls = listening}, {.authkey = key, .tls = Tls{.ca = server.certificate()}});
}

TEST(Tls, knows_both_by_their_certificates) {
    const Certificate server("server"), client("client");
    const Tls listening{.certificate = server.certificate(),
                        .private_key = server.private_key(),
                        .ca = client.certificate()};
    meet({.tls = listening}, {.tls = Tls{.certificate = client.certificate(),
                                         .private_key = client.private_key(),
                                         .ca = server.certificate()}});
    // That is enough to be open to other hosts.
    EXPECT_NO_THROW(Listener(Address("", 0), {.tls = listening}));

    Listener listener(anywhere, {.tls = listening});
    std::jthread stranger([&] {
        try {
            const Connection connection = Client(Address("localhost", listener.address().port()),
                                                 {.tls = Tls{.ca = server.certificate()}});
            (void)connection.recv_bytes();
            ADD_FAILURE() << "it was let in";
        } catch (const procession::Error&) {
        }
    });
    expect_parts(text_of_error<procession::AuthenticationError>([&] { listener.accept(); }),
                 {"TLS", "certificate"});
}

TEST(Tls, does_not_trust_another_certificate_or_host) {
    const Certificate server("server"), another("another"), elsewhere("elsewhere", "DNS:elsewhere");
    const auto refused = [](const Certificate& listening, const Tls& connecting) {
        Listener listener(anywhere, {.tls = Tls{.certificate = listening.certificate(),
                                                .private_key = listening.private_key()}});
        std::string text;
        {
            std::jthread client([&] {
                text = text_of_error<procession::AuthenticationError>([&] {
                    (void)Client(Address("localhost", listener.address().port()), {.tls = connecting});
                });
            });
            EXPECT_THROW(listener.accept(), procession::AuthenticationError);
        }
        return text;
    };
    expect_parts(refused(server, {.ca = another.certificate()}),
                 {"Client", "TLS", "self-signed certificate"});
    expect_parts(refused(server, {}), {"self-signed certificate"});
    expect_parts(refused(elsewhere, {.ca = elsewhere.certificate()}), {"hostname mismatch"});
    expect_parts(refused(server, {.ca = server.certificate(), .server_name = "elsewhere"}),
                 {"hostname mismatch"});
    meet({.tls = Tls{.certificate = elsewhere.certificate(), .private_key = elsewhere.private_key()}},
         {.tls = Tls{.ca = elsewhere.certificate(), .server_name = "elsewhere"}});
}

TEST(Tls, says_what_is_wrong_with_its_options) {
    const Certificate server("server"), another("another");
    const auto refused = [](const Tls& tls, std::optional<procession::AuthKey> authkey = {}) {
        return text_of_error<procession::ValueError>(
            [&] { Listener listener(anywhere, {.authkey = authkey, .tls = tls}); });
    };
    expect_parts(refused({}), {"Tls", "without a certificate", "psk_from_authkey"});
    expect_parts(refused(by_key), {"without an authkey"});
    expect_parts(refused(by_key, procession::AuthKey("")), {"without an authkey", "not be empty"});
    expect_parts(refused({.certificate = server.certificate(), .psk_from_authkey = true}, key),
                 {"beside certificates"});
    expect_parts(refused({.certificate = server.certificate()}), {"needed together"});
    expect_parts(refused({.certificate = "/nowhere", .private_key = server.private_key()}),
                 {"certificate \"/nowhere\"", "No such file", "PEM"});
    expect_parts(refused({.certificate = server.certificate(), .private_key = another.private_key()}),
                 {"private_key", "mismatch"});
}

}  // namespace
