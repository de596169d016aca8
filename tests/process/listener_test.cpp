// SPDX-License-Identifier: Apache-2.0
#include <procession/listener.hpp>

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <procession/mp.hpp>

#include <atomic>
#include <filesystem>
#include <map>
#include <optional>
#include <thread>

#include "os/stream.hpp"
#include "support/child.hpp"
#include "support/expect.hpp"
#include "support/listening.hpp"
#include "support/signal_storm.hpp"
#include "support/waiting.hpp"
#include "wire/handshake.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;
using namespace std::string_literals;
using procession::Address;
using procession::Client;
using procession::ClientOptions;
using procession::Connection;
using procession::Format;
using procession::Listener;
using procession::ListenerOptions;

const procession::AuthKey key("peekaboo");

template <class Call>
std::string not_authentic(Call call) {
    try {
        call();
    } catch (const procession::AuthenticationError& error) {
        return error.what();
    }
    ADD_FAILURE() << "it was let in";
    return {};
}
template <class Call>
std::string value_error(Call call) {
    try {
        call();
    } catch (const procession::ValueError& error) {
        return error.what();
    }
    ADD_FAILURE() << "it was not refused";
    return {};
}

/// A client in a thread of its own, which is joined at the end.
template <class Body>
std::jthread client_of(const Listener& listener, ClientOptions options, Body body) {
    return std::jthread(
        [address = listener.address(), options, body] { body(Client(address, options)); });
}
std::jthread client_that_says(const Listener& listener, ClientOptions options, std::string text) {
    return client_of(listener, options, [text](const Connection& connection) {
        connection.send_bytes(text);
        EXPECT_THROW((void)connection.recv_bytes(), procession::EndOfFile);
    });
}

// ---------------------------------------------------------------- meeting

TEST(Listener, and_client_exchange_bytes_over_every_family) {
    for (const Address& where : one_of_each_family())
        for (const std::optional<procession::AuthKey>& authkey :
             {std::optional<procession::AuthKey>(), std::optional(key)}) {
            Listener listener(where, {.authkey = authkey});
            SCOPED_TRACE(fmt::format("{}", listener.address()));
            const std::jthread client =
                client_of(listener, {.authkey = authkey}, [](const Connection& connection) {
                    connection.send_bytes("hello");
                    EXPECT_EQ(recv_text(connection), "world");
                    connection.send_bytes("");
                });
            const Connection connection = listener.accept();
            EXPECT_TRUE(connection.readable() && connection.writable() && !connection.closed());
            EXPECT_EQ(recv_text(connection), "hello");
            connection.send_bytes("world");
            EXPECT_EQ(recv_text(connection), "");
            EXPECT_THROW((void)connection.recv_bytes(), procession::EndOfFile);
        }
}

TEST(Listener, says_where_it_is_and_who_came) {
    Listener tcp(Address("localhost", 0));
    EXPECT_EQ(tcp.address().host(), "127.0.0.1");
    EXPECT_GT(tcp.address().port(), 0);
    EXPECT_FALSE(tcp.last_accepted());
    const Connection client = Client(tcp.address()), accepted = tcp.accept();
    EXPECT_EQ(tcp.last_accepted()->host(), "127.0.0.1");
    EXPECT_NE(tcp.last_accepted()->port(), tcp.address().port());

    EXPECT_EQ(Listener(own_path()).address(), own_path());
    EXPECT_EQ(Listener(Address::abstract(own_name("name"))).address().abstract_name(), own_name("name"));
}

// conformance: listener.address_in_use
TEST(Listener, test_multiple_bind) {
    for (const Address& where : one_of_each_family()) {
        const Listener listener(where);
        const Address taken = listener.address();
        const std::string text = refused(EADDRINUSE, [&] { Listener again(taken); });
        expect_parts(text, {taken.to_string().c_str(), "bind", "another address"});
    }
}

TEST(Listener, finds_the_file_of_a_killed_one_in_its_way_and_says_so) {
    const Address where = own_path("stale");
    EXPECT_EQ(in_child([&] {
                  Listener listener(where);
                  ::kill(::getpid(), SIGKILL);
              }),
              -SIGKILL);
    expect_parts(refused(EADDRINUSE, [&] { Listener listener(where); }),
                 {where.path().c_str(), "was killed", "Remove it"});
    EXPECT_EQ(::unlink(where.path().c_str()), 0);
    Listener listener(where);
}

// conformance: listener.scope
TEST(Listener, test_context) {
    Listener listener;
    {
        const Connection client = Client(listener.address()), accepted = listener.accept();
        accepted.send_bytes("1729");
        EXPECT_EQ(recv_text(client), "1729");
    }
    listener.close();
    listener.close();
    expect_parts(value_error([&] { listener.accept(); }), {"Listener", "accept", "closed"});
    EXPECT_THROW((void)listener.fileno(), procession::ValueError);
}

// conformance: auth.empty_authkey
TEST(Listener, test_empty_authkey) {
    Listener listener({}, {.authkey = procession::AuthKey("")});
    const std::jthread client =
        client_of(listener, {.authkey = procession::AuthKey("")},
                  [](const Connection& connection) { EXPECT_EQ(recv_text(connection), "1729"); });
    listener.accept().send_bytes("1729");
    listener.close();
    EXPECT_THROW(listener.accept(), procession::ValueError);
}

// conformance: listener.abstract_socket
TEST(Listener, test_abstract_socket) {
    Listener listener(Address("\0"s + own_name("abstract")));
    EXPECT_EQ(listener.address(), Address::abstract(own_name("abstract")));
    const Connection client = Client(listener.address()), accepted = listener.accept();
    accepted.send_bytes("1729");
    EXPECT_EQ(recv_text(client), "1729");
    listener.close();
    EXPECT_THROW(listener.accept(), procession::ValueError);
}

// conformance: listener.client_gone_before_accept
TEST(Listener, test_issue14725) {
    for (const Address& where : one_of_each_family()) {
        Listener listener(where);
        Client(listener.address()).send_bytes("hello");
        const Connection accepted = listener.accept();
        EXPECT_EQ(recv_text(accepted), "hello");
        EXPECT_THROW((void)accepted.recv_bytes(), procession::EndOfFile);
    }
}

// conformance: listener.poll_after_accept
TEST(Listener, test_issue16955) {
    for (const Address& where : one_of_each_family()) {
        Listener listener(where);
        const Connection client = Client(listener.address());
        EXPECT_FALSE(client.poll());
        const Connection accepted = listener.accept();
        accepted.send_bytes("hello");
        EXPECT_TRUE(client.poll(1h));
        EXPECT_TRUE(client.poll());
        EXPECT_EQ(recv_text(client), "hello");
    }
}

// conformance: listener.eintr
TEST(Listener, test_ignore_listener) {
    Listener listener;
    std::jthread client;
    EXPECT_TRUE(through_signals(
        [&] {
            listener.accept().send_bytes("welcome");
            return true;
        },
        [&] {
            client = client_of(listener, {}, [](const Connection& connection) {
                EXPECT_EQ(recv_text(connection), "welcome");
            });
        }));
}

// ---------------------------------------------------------------- waits

TEST(Listener, waits_no_longer_than_it_may) {
    Listener listener;
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_THROW((void)listener.accept(50ms), procession::TimeoutError);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 50ms);
    EXPECT_THROW((void)listener.accept(0s), procession::TimeoutError);
    const Connection client = Client(listener.address());
    EXPECT_NO_THROW((void)listener.accept(0s));
}

TEST(Listener, stops_waiting_at_a_request) {
    Listener listener;
    std::jthread waiter([&](std::stop_token stop) {
        EXPECT_THROW(listener.accept(stop), procession::CancelledError);
        EXPECT_THROW((void)listener.accept(1h, stop), procession::CancelledError);
    });
    waiter.request_stop();
    waiter.join();
    const Connection client = Client(listener.address());
    EXPECT_NO_THROW(listener.accept());
}

TEST(Listener, that_is_closed_ends_the_waits_of_other_threads) {
    Listener listener;
    std::atomic<int> waiting = 0;
    std::vector<std::jthread> waiters;
    for (int i = 0; i < 3; ++i)
        waiters.emplace_back([&] {
            ++waiting;
            EXPECT_THROW(listener.accept(), procession::ValueError);
        });
    wait_until([&] { return waiting == 3; });
    listener.close();
}

TEST(Listener, serves_several_threads) {
    Listener listener(Address("localhost", 0), {.authkey = key});
    constexpr int count = 12;
    std::atomic<int> sum = 0;
    std::vector<std::jthread> servers, clients;
    for (int i = 0; i < 3; ++i)
        servers.emplace_back([&] {
            for (int j = 0; j < count / 3; ++j) sum += std::stoi(recv_text(listener.accept()));
        });
    for (int i = 1; i <= count; ++i)
        clients.push_back(client_of(listener, {.authkey = key}, [i](const Connection& connection) {
            connection.send_bytes(std::to_string(i));
            EXPECT_THROW((void)connection.recv_bytes(), procession::EndOfFile);
        }));
    servers.clear();
    EXPECT_EQ(sum, count * (count + 1) / 2);
}

TEST(Listener, has_a_descriptor_that_shows_when_there_is_something_to_do) {
    Listener listener({}, {.authkey = key});
    const auto is_ready = [&] { return procession::os::is_ready(listener.fileno(), POLLIN); };
    EXPECT_FALSE(is_ready());
    const std::jthread client = client_that_says(listener, {.authkey = key}, "hello");
    std::optional<Connection> connection;
    while (!connection) {
        // The client's answers show, too.
        wait_until(is_ready);
        try {
            connection = listener.accept(0s);
        } catch (const procession::TimeoutError&) {
        }
    }
    EXPECT_EQ(recv_text(*connection), "hello");
    EXPECT_FALSE(is_ready());
}

TEST(Client, waits_no_longer_than_it_may) {
    // It is never answered, and when the backlog is full, not even let in.
    Listener listener({}, {.backlog = 0});
    const Connection first = Client(listener.address());
    std::optional<std::string> text;
    try {
        (void)Client(listener.address(), {.authkey = key, .timeout = 100ms});
    } catch (const procession::TimeoutError& error) {
        text = error.what();
    }
    expect_parts(text.value(), {"Client", "time limit", "to be let in"});
    (void)listener.accept();
    const auto begin = std::chrono::steady_clock::now();
    try {
        (void)Client(listener.address(), {.authkey = key, .timeout = 100ms});
    } catch (const procession::TimeoutError& error) {
        text = error.what();
    }
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 100ms);
    expect_parts(text.value(), {"Client", "its challenge", "has an authkey"});
}

TEST(Client, stops_waiting_at_a_request) {
    for (const Address& where : one_of_each_family()) {
        const Listener listener(where, {.backlog = 0});
        std::jthread waiter([&](std::stop_token stop) {
            EXPECT_THROW((void)Client(listener.address(), {.authkey = key}, stop),
                         procession::CancelledError);
        });
        waiter.request_stop();
    }
}

TEST(Client, of_nobody_is_refused) {
    refused(ENOENT, [] { (void)Client(own_path("nobody")); });
    refused(ECONNREFUSED, [] { (void)Client(Address::abstract(own_name("nobody"))); });
    const Address was = Listener(Address("localhost", 0)).address();
    expect_parts(refused(ECONNREFUSED, [&] { (void)Client(was); }),
                 {"Client", was.to_string().c_str(), "connect"});
    EXPECT_THROW((void)Client(Address()), procession::ValueError);
}

// ---------------------------------------------------------------- who is let in

TEST(Listener, lets_nobody_in_without_the_key_and_goes_on) {
    for (const Address& where : {Address(), Address("localhost", 0)}) {
        Listener listener(where, {.authkey = key});
        {
            const std::jthread client([&] {
                expect_parts(
                    not_authentic([&] {
                        (void)Client(listener.address(), {.authkey = procession::AuthKey("no")});
                    }),
                    {"Client", listener.address().to_string().c_str(), "refused", "same authkey"});
            });
            expect_parts(not_authentic([&] { listener.accept(); }),
                         {"Listener", "accept", "answer to the challenge is wrong", "same authkey"});
        }
        {
            const std::jthread client([&] {
                // As in Python, it is not told, but finds the challenge before it.
                const Connection keyless = Client(listener.address());
                EXPECT_TRUE(recv_text(keyless).starts_with("#CHALLENGE#{sha256}"));
                keyless.send_bytes("hello");
                EXPECT_EQ(recv_text(keyless), "#FAILURE#");
            });
            expect_parts(not_authentic([&] { listener.accept(); }),
                         {"answer to the challenge is wrong"});
        }
        const std::jthread client = client_that_says(listener, {.authkey = key}, "hello");
        EXPECT_EQ(recv_text(listener.accept()), "hello");
    }
}

TEST(Listener, is_not_held_up_by_who_is_silent) {
    for (const Address& where : {Address(), Address("localhost", 0)}) {
        Listener listener(where, {.authkey = key});
        std::vector<RawPeer> silent;
        for (int i = 0; i < 20; ++i) silent.emplace_back(listener.address());
        const std::jthread client = client_that_says(listener, {.authkey = key}, "hello");
        EXPECT_EQ(recv_text(listener.accept()), "hello");
    }
}

TEST(Listener, gives_up_the_oldest_of_too_many_who_are_silent) {
    Listener listener({}, {.authkey = key});
    std::vector<RawPeer> silent;
    for (int i = 0; i < 300; ++i) {
        silent.emplace_back(listener.address());
        EXPECT_THROW((void)listener.accept(0s), procession::TimeoutError);
    }
    const std::string first = silent.front().receive(1000);
    EXPECT_EQ(first.size(), 63u) << "its challenge, then the end";
    const std::jthread client = client_that_says(listener, {.authkey = key}, "hello");
    EXPECT_EQ(recv_text(listener.accept()), "hello");
}

TEST(Listener, without_a_descriptor_left_gives_up_who_is_silent) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "the sanitizer looks at memory through a pipe, for which no descriptor is left";
#endif
    Listener listener({}, {.authkey = key});
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const RawPeer silent(listener.address());
    EXPECT_THROW((void)listener.accept(0s), procession::TimeoutError);
    RawPeer next(listener.address());
    // What is open is open; nothing more is to be.
    const rlimit none{static_cast<rlim_t>(next.fd() + 1), before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    EXPECT_THROW((void)listener.accept(0s), procession::TimeoutError);
    EXPECT_THROW((void)listener.accept(0s), procession::TimeoutError);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(silent.receive(1000).size(), 63u) << "its challenge, then the end";
    EXPECT_EQ(next.receive(63).size(), 63u);
}

TEST(Listener, loses_its_patience_with_who_is_silent) {
    Listener listener({}, {.authkey = key, .handshake_timeout = 50ms});
    const RawPeer silent(listener.address());
    const auto begin = std::chrono::steady_clock::now();
    expect_parts(not_authentic([&] { listener.accept(); }),
                 {"Listener", "longer than 0.05 s", "answer to the challenge", "handshake_timeout"});
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 50ms);
    EXPECT_EQ(silent.receive(1000).size(), 63u) << "its challenge, then the end";
}

TEST(Listener, lets_in_who_is_slow_and_others_before) {
    Listener listener(Address("localhost", 0), {.authkey = key});
    const RawPeer slow(listener.address());
    // The answer of somebody else, who has the key, byte by byte.
    procession::wire::Handshake handshake(procession::wire::Side::client, {key});
    const auto step = [&] {
        if (const auto out = handshake.to_send(); !out.empty()) {
            slow.send({reinterpret_cast<const char*>(out.data()), 1});
            handshake.sent(1);
        } else {
            const std::string byte = slow.receive(1);
            handshake.room()[0] = static_cast<std::byte>(byte[0]);
            handshake.received(1);
        }
    };
    std::jthread slow_client([&] {
        while (!handshake.done()) step();
        slow.send("\0\0\0\4slow"s);
    });
    std::vector<std::string> heard;
    const std::jthread quick = client_that_says(listener, {.authkey = key}, "quick");
    for (int i = 0; i < 2; ++i) heard.push_back(recv_text(listener.accept()));
    std::ranges::sort(heard);
    EXPECT_EQ(heard, (std::vector<std::string>{"quick", "slow"}));
}

TEST(Listener, survives_garbage) {
    Listener listener({}, {.authkey = key});
    const std::vector<std::string> garbage = {"GET / HTTP/1.1\r\n\r\n",
                                              "\xff\xff\xff\xff\x7f"s,
                                              "\0\0\0\0"s,
                                              "\0\0\0\x0bhello world"s,
                                              "\xff\xff\xff\xff\0\0\0\0\xc0\0\0\0"s,
                                              std::string(5000, 'x')};
    for (const std::string& each : garbage) {
        RawPeer peer(listener.address());
        peer.send(each);
        if (each[0] == '\xff' && each.size() == 5) peer.close();
        EXPECT_NE(not_authentic([&] { listener.accept(); }), "");
    }
    RawPeer gone(listener.address());
    gone.close();
    expect_parts(not_authentic([&] { listener.accept(); }), {"handshake"});
    const std::jthread client = client_that_says(listener, {.authkey = key}, "hello");
    EXPECT_EQ(recv_text(listener.accept()), "hello");
}

TEST(Client, lets_no_listener_be_without_the_key) {
    const Listener pretender(own_path("pretender"));
    std::jthread answer([&] {
        Listener& listener = const_cast<Listener&>(pretender);
        const Connection connection = listener.accept();
        connection.send_bytes("#CHALLENGE#{sha256}0123456789012345678901234567890123456789");
        EXPECT_TRUE(recv_text(connection).starts_with("{sha256}"));
        connection.send_bytes("#WELCOME#");
        EXPECT_TRUE(recv_text(connection).starts_with("#CHALLENGE#"));
        connection.send_bytes("0123456789abcdef");
        EXPECT_EQ(recv_text(connection), "#FAILURE#");
    });
    expect_parts(not_authentic([&] { (void)Client(pretender.address(), {.authkey = key}); }),
                 {"Client", "answer to the challenge is wrong"});
}

TEST(Listener, is_not_open_to_other_hosts_without_a_key) {
    for (const Address& where : {Address("", 0), Address("0.0.0.0", 0), Address("::", 0)}) {
        expect_parts(value_error([&] { Listener listener(where); }),
                     {"Listener", "other hosts", "authkey", "localhost"});
        EXPECT_THROW(Listener(where, {.authkey = procession::AuthKey("")}), procession::ValueError);
        const Listener listener(where, {.authkey = key});
        EXPECT_GT(listener.address().port(), 0);
    }
}

TEST(Listener, accepts_no_other_users_processes) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
    Listener listener(Address::abstract(own_name("user")));
    const pid_t stranger = fork_to([&] {
        if (::setuid(65534) != 0) ::_exit(1);
        // The stranger may connect; it is not listened to.
        const RawPeer peer(listener.address());
        peer.receive(1);
    });
    expect_parts(not_authentic([&] { listener.accept(); }), {"Listener", "user 65534", "same user"});
    EXPECT_EQ(end_of(stranger), 0);

    const Address where = Address::abstract(own_name("theirs"));
    const procession::test::Event listening;
    const pid_t other = child_that_stays(listening, [&] {
        if (::setuid(65534) != 0) ::_exit(1);
        static const Listener theirs(where);
    });
    expect_parts(not_authentic([&] { (void)Client(where); }), {"Client", "user 65534", "authkey"});
    ::kill(other, SIGKILL);
    end_of(other);
}

// ---------------------------------------------------------------- paths

TEST(Listener, has_a_path_for_this_user_alone_while_it_lives) {
    const ::mode_t before = ::umask(0);
    const Address where = own_path("mode");
    {
        const Listener listener(where);
        struct stat status {};
        ASSERT_EQ(::stat(where.path().c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777, 0600u);
    }
    EXPECT_FALSE(std::filesystem::exists(where.path()));

    std::filesystem::path folder;
    {
        const Listener listener;
        folder = std::filesystem::path(listener.address().path()).parent_path();
        struct stat status {};
        ASSERT_EQ(::stat(folder.c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777, 0700u);
    }
    EXPECT_FALSE(std::filesystem::exists(folder));
    ::umask(before);
}

TEST(Listener, removes_only_its_own_path) {
    const Address where = own_path("replaced");
    Listener first(where);
    ::unlink(where.path().c_str());
    Listener second(where);
    first.close();
    EXPECT_NO_THROW((void)Client(where));
}

TEST(Listener, in_a_forked_child_leaves_the_path_alone) {
    Listener listener;
    EXPECT_EQ(in_child([&] { listener.close(); }), 0);
    const Connection client = Client(listener.address());
    EXPECT_NO_THROW(listener.accept());
}

TEST(Listener, in_a_forked_child_accepts_as_well) {
    Listener listener({}, {.authkey = key});
    // A handshake of the parent's, which the child has nothing to do with.
    const RawPeer begun(listener.address());
    EXPECT_THROW((void)listener.accept(0s), procession::TimeoutError);
    const pid_t child = fork_to([&] {
        try {
            listener.accept().send_bytes(std::to_string(::getpid()));
        } catch (...) {
            ::_exit(1);
        }
    });
    EXPECT_EQ(recv_text(Client(listener.address(), {.authkey = key})), std::to_string(child));
    EXPECT_EQ(end_of(child), 0);
    const std::jthread client = client_that_says(listener, {.authkey = key}, "hello");
    EXPECT_EQ(recv_text(listener.accept()), "hello");
}

// ---------------------------------------------------------------- formats

TEST(Listener, of_native_connections_takes_values_of_any_type) {
    for (const Address& where : {Address(), Address("localhost", 0)}) {
        Listener listener(where, {.authkey = key, .format = Format::native});
        const std::jthread client =
            client_of(listener, {.authkey = key, .format = Format::native}, [](const Connection& end) {
                EXPECT_EQ(end.recv<std::vector<std::string>>(), std::vector<std::string>(1000, "text"));
                end.send(std::map<std::string, double>{{"x", 1.5}});
                end.send_bytes("bytes");
            });
        const Connection end = listener.accept();
        end.send(std::vector<std::string>(1000, "text"));
        EXPECT_THROW((void)end.recv<int>(), procession::TypeMismatch);
        EXPECT_TRUE(end.poll()) << "it was put back";
        using Map = std::map<std::string, double>;
        EXPECT_EQ(end.recv<Map>(), (Map{{"x", 1.5}}));
        EXPECT_EQ(recv_text(end), "bytes");
        EXPECT_THROW(end.send(procession::Event()), procession::SerializationError);
    }
}

TEST(Listener, of_native_connections_needs_to_know_the_peer) {
    for (const bool with_key : {false, true}) {
        ListenerOptions options{.format = Format::native};
        if (with_key) options.authkey = key;
        const auto listen = [&] { Listener listener(Address("localhost", 0), options); };
        if (with_key)
            EXPECT_NO_THROW(listen());
        else
            expect_parts(value_error(listen), {"Listener", "native", "authkey"});
    }
}

TEST(Listener, of_native_connections_lets_nobody_else_in) {
    Listener listener({}, {.format = Format::native});
    const RawPeer other(listener.address());
    other.send("\0\0\0\5hello"s);
    expect_parts(not_authentic([&] { listener.accept(); }), {"native format"});
}

// ---------------------------------------------------------------- many, and deaths

TEST(Listener, sees_a_thousand_come_and_go) {
    Listener listener(Address("localhost", 0), {.authkey = key});
    constexpr int count = 1000;
    const std::jthread clients([&] {
        for (int i = 0; i < count; ++i)
            Client(listener.address(), {.authkey = key}).send_bytes(std::to_string(i));
    });
    for (int i = 0; i < count; ++i) EXPECT_EQ(recv_text(listener.accept()), std::to_string(i));
}

TEST(Listener, that_is_killed_ends_what_its_clients_wait_for) {
    for (const Address& where : {own_path("killed"), Address::abstract(own_name("killed"))}) {
        Listener listener(where);
        const pid_t child = fork_to([&] {
            const Connection connection = listener.accept();
            connection.send_bytes("hello");
            ::pause();
        });
        const Connection client = Client(where);
        EXPECT_EQ(recv_text(client), "hello");
        client.send_bytes("unread");
        ::kill(child, SIGKILL);
        EXPECT_THROW((void)client.recv_bytes(), procession::EndOfFile);
        EXPECT_THROW(
            {
                for (;;) client.send_bytes("more");
            },
            procession::EndOfFile);
        EXPECT_EQ(end_of(child), -SIGKILL);
    }
}

TEST(Listener, hears_of_a_client_that_is_killed_within_a_message) {
    Listener listener(Address("localhost", 0));
    RawPeer client(listener.address());
    const Connection connection = listener.accept();
    client.send("\0\0\0\5hel"s);
    EXPECT_THROW((void)connection.recv_bytes({}, 10ms), procession::TimeoutError);
    client.close();
    expect_parts(refused(ECONNRESET, [&] { (void)connection.recv_bytes(); }),
                 {"Connection::recv_bytes", "got end of file during message"});
}

}  // namespace
