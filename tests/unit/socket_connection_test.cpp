// SPDX-License-Identifier: Apache-2.0
#include "connection/socket_connection.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <array>
#include <atomic>
#include <thread>

#include "os/stream.hpp"
#include "support/child.hpp"
#include "support/descriptors.hpp"
#include "support/expect.hpp"
#include "support/listening.hpp"
#include "support/signal_storm.hpp"
#include "support/waiting.hpp"

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace procession::test;
using procession::Connection;
using procession::Format;
using procession::connection::Direction;
using procession::os::Descriptor;

constexpr std::uint64_t kibibyte = 1024;

Connection connection_over(Descriptor fd, Direction direction = {}, std::uint64_t max_message = 1 << 30,
                           Format format = Format::pickle) {
    return Connection(procession::connection::make_socket_connection(
        procession::connection::make_plain_transport(std::move(fd)), direction, format, max_message));
}
std::pair<Descriptor, Descriptor> socket_ends() {
    int ends[2];
    procession::os::checked(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "test",
                            "socketpair");
    return {Descriptor(ends[0]), Descriptor(ends[1])};
}
std::pair<Descriptor, Descriptor> pipe_ends() {
    int ends[2];
    procession::os::checked(::pipe2(ends, O_CLOEXEC), "test", "pipe2");
    return {Descriptor(ends[0]), Descriptor(ends[1])};
}
void write_to(const Descriptor& fd, std::string_view bytes) {
    ASSERT_EQ(::write(fd.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
}
bool shows(const Connection& connection) {
    return procession::os::is_ready(connection.fileno(), POLLIN);
}

/// Both ends, of a socket and of a pipe; the first receives.
struct Ends {
    Connection receiver, sender;
};
Ends over_socket() {
    auto [one, other] = socket_ends();
    return {connection_over(std::move(one)), connection_over(std::move(other))};
}
Ends over_pipe() {
    auto [reader, writer] = pipe_ends();
    return {connection_over(std::move(reader), {.writable = false}),
            connection_over(std::move(writer), {.readable = false})};
}

TEST(SocketConnection, carries_messages_of_any_size) {
    for (const Ends& ends : {over_socket(), over_pipe()})
        for (const std::size_t size : {0u, 1u, 4095u, 4096u, 4097u, 70'000u, 5'000'000u}) {
            const std::string message(size, 'x');
            std::jthread sender([&] { ends.sender.send_bytes(message); });
            EXPECT_EQ(recv_text(ends.receiver), message);
        }
}

TEST(SocketConnection, has_the_frames_of_cpython) {
    auto [ours, theirs] = socket_ends();
    const Connection connection = connection_over(std::move(ours));
    connection.send_bytes("hello");
    std::string seen(9, '\0');
    ASSERT_EQ(::read(theirs.get(), seen.data(), seen.size()), 9);
    EXPECT_EQ(seen, "\0\0\0\5hello"s);
    write_to(theirs, "\0\0\0\2hi\0\0\0\0"s);
    EXPECT_EQ(recv_text(connection), "hi");
    EXPECT_EQ(recv_text(connection), "");
}

// Of pages that are never written, so they cost nothing; what comes is counted, not kept.
TEST(SocketConnection, sends_three_gibibytes_as_one_message) {
    constexpr std::size_t size = std::size_t{3} << 30;
    void* const pages =
        ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    ASSERT_NE(pages, MAP_FAILED);
    auto [ours, theirs] = socket_ends();
    const Connection connection = connection_over(std::move(ours));
    std::jthread sender([&] {
        connection.send_bytes(std::span(static_cast<const std::byte*>(pages), size));
        connection.close();
    });
    std::array<char, 12> header;
    ASSERT_EQ(::recv(theirs.get(), header.data(), header.size(), MSG_WAITALL), 12);
    EXPECT_EQ(std::string(header.data(), header.size()), "\xff\xff\xff\xff\0\0\0\0\xc0\0\0\0"s);
    std::size_t rest = 0;
    std::vector<char> room(1 << 20);
    for (ssize_t got = 1; got > 0; rest += static_cast<std::size_t>(got))
        got = ::recv(theirs.get(), room.data(), room.size(), 0);
    sender.join();
    EXPECT_EQ(rest, size);
    ::munmap(pages, size);
}

TEST(SocketConnection, ends_when_the_peer_is_closed) {
    for (const bool over_sockets : {true, false}) {
        Ends ends = over_sockets ? over_socket() : over_pipe();
        ends.sender.send_bytes("last");
        ends.sender.close();
        EXPECT_TRUE(ends.receiver.poll());
        EXPECT_EQ(recv_text(ends.receiver), "last");
        EXPECT_TRUE(ends.receiver.poll());
        for (int i = 0; i < 2; ++i)
            EXPECT_THROW((void)ends.receiver.recv_bytes(), procession::EndOfFile);
        ends = over_sockets ? over_socket() : over_pipe();
        ends.receiver.close();
        EXPECT_THROW(ends.sender.send_bytes("x"), procession::EndOfFile);
    }
}

TEST(SocketConnection, that_ends_within_a_message_says_so) {
    auto [ours, theirs] = socket_ends();
    const Connection connection = connection_over(std::move(ours));
    write_to(theirs, "\0\0\0\5hell"s);
    theirs.reset();
    expect_parts(refused(ECONNRESET, [&] { (void)connection.recv_bytes(); }),
                 {"Connection::recv_bytes", "got end of file during message", "killed"});
}

TEST(SocketConnection, receives_in_pieces_what_its_limits_cut) {
    auto [ours, theirs] = socket_ends();
    const Connection connection = connection_over(std::move(ours));
    for (const char each : "\0\0\0\3abc"s) {
        EXPECT_THROW((void)connection.recv_bytes({}, 1ms), procession::TimeoutError);
        write_to(theirs, {&each, 1});
        EXPECT_TRUE(connection.poll(1h));
    }
    EXPECT_EQ(recv_text(connection), "abc");
    EXPECT_FALSE(connection.poll());
}

TEST(SocketConnection, refuses_a_longer_message_than_asked_for_which_can_still_be_received) {
    const Ends ends = over_socket();
    const Connection &receiver = ends.receiver, &sender = ends.sender;
    sender.send_bytes("hello");
    for (int i = 0; i < 2; ++i) {
        EXPECT_THROW((void)receiver.recv_bytes(4), procession::ValueError);
        EXPECT_TRUE(receiver.poll());
        EXPECT_TRUE(shows(receiver));
    }
    EXPECT_EQ(text_of(receiver.recv_bytes(5)), "hello");

    sender.send_bytes("hello");
    std::array<char, 4> room;
    try {
        (void)receiver.recv_bytes_into(room);
        ADD_FAILURE();
    } catch (const procession::BufferTooShort& error) {
        EXPECT_EQ(text_of(error.message), "hello");
    }
}

TEST(SocketConnection, of_a_hostile_peer_can_only_send_from_then_on) {
    for (const std::string& bad : {"\0\1\0\1"s, "\x80\0\0\0"s, "\xff\xff\xff\xff\0\0\0\0\xc0\0\0\0"s,
                                   "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"s}) {
        auto [ours, theirs] = socket_ends();
        const Connection duplex = connection_over(std::move(ours), {}, 64 * kibibyte);
        write_to(theirs, bad);
        expect_parts(
            refused(EMSGSIZE, [&] { (void)duplex.recv_bytes(); }),
            {"Connection::recv_bytes", "bad message length", "65536 are allowed", "max_message"});
        EXPECT_FALSE(duplex.readable());
        EXPECT_THROW((void)duplex.recv_bytes(), procession::ValueError);
        duplex.send_bytes("x");

        auto [reader, writer] = pipe_ends();
        const Connection receiving =
            connection_over(std::move(reader), {.writable = false}, 64 * kibibyte);
        write_to(writer, bad);
        refused(EMSGSIZE, [&] { (void)receiving.recv_bytes(); });
        EXPECT_TRUE(receiving.closed());
    }
}

// conformance: connection.invalid_handle
TEST(SocketConnection, test_invalid_handles) {
    EXPECT_THROW(Connection(-1), procession::ValueError);
    int unused = 1000;
    while (is_open(unused)) ++unused;
    refused(EBADF, [&] { (void)Connection(unused).poll(); });
    EXPECT_THROW(Connection(0, false, false), procession::ValueError);
}

TEST(SocketConnection, takes_over_a_descriptor) {
    auto [ours, theirs] = socket_ends();
    const int number = ours.get();
    {
        const Connection connection(ours.release());
        write_to(theirs, "\0\0\0\2hi"s);
        EXPECT_EQ(recv_text(connection), "hi");
    }
    EXPECT_FALSE(is_open(number));
}

TEST(SocketConnection, is_for_one_direction_if_it_is_made_so) {
    const Ends ends = over_pipe();
    const Connection &receiver = ends.receiver, &sender = ends.sender;
    EXPECT_TRUE(receiver.readable() && !receiver.writable());
    EXPECT_TRUE(!sender.readable() && sender.writable());
    EXPECT_THROW(receiver.send_bytes("x"), procession::ValueError);
    EXPECT_THROW((void)sender.recv_bytes(), procession::ValueError);
    EXPECT_THROW((void)sender.poll(), procession::ValueError);
    EXPECT_THROW((void)sender.fileno(), procession::ValueError);
}

TEST(SocketConnection, that_is_closed_does_nothing_more) {
    const Ends ends = over_socket();
    const Connection& connection = ends.receiver;
    connection.close();
    connection.close();
    EXPECT_TRUE(connection.closed());
    EXPECT_THROW(connection.send_bytes("x"), procession::ValueError);
    EXPECT_THROW((void)connection.recv_bytes(), procession::ValueError);
    EXPECT_THROW((void)connection.poll(), procession::ValueError);
    EXPECT_THROW((void)connection.fileno(), procession::ValueError);
    EXPECT_THROW((void)connection.dup(), procession::ValueError);
}

TEST(SocketConnection, that_is_closed_ends_the_waits_of_other_threads) {
    const Ends ends = over_socket();
    const Connection &connection = ends.receiver, &peer = ends.sender;
    std::atomic<int> waiting = 0;
    std::vector<std::jthread> waiters;
    for (int i = 0; i < 2; ++i)
        waiters.emplace_back([&] {
            ++waiting;
            EXPECT_THROW((void)connection.recv_bytes(), procession::ValueError);
        });
    waiters.emplace_back([&] {
        ++waiting;
        EXPECT_THROW((void)connection.poll(procession::forever), procession::ValueError);
    });
    wait_until([&] { return waiting == 3; });
    connection.close();
    waiters.clear();
    EXPECT_THROW((void)peer.recv_bytes(), procession::EndOfFile);
}

TEST(SocketConnection, waits_no_longer_than_it_may_and_stops_at_a_request) {
    const Ends ends = over_socket();
    const Connection &connection = ends.receiver, &peer = ends.sender;
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_FALSE(connection.poll(20ms));
    EXPECT_THROW((void)connection.recv_bytes({}, 20ms), procession::TimeoutError);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 40ms);
    std::jthread waiter([&](std::stop_token stop) {
        EXPECT_THROW((void)connection.recv_bytes({}, procession::forever, stop),
                     procession::CancelledError);
        EXPECT_THROW((void)connection.poll(1h, stop), procession::CancelledError);
    });
    waiter.request_stop();
    waiter.join();
    peer.send_bytes("hello");
    EXPECT_EQ(recv_text(connection), "hello");
}

TEST(SocketConnection, is_not_ended_by_signals) {
    const Ends ends = over_socket();
    const Connection &connection = ends.receiver, &peer = ends.sender;
    EXPECT_EQ(through_signals([&] { return recv_text(connection); }, [&] { peer.send_bytes("hello"); }),
              "hello");
    const std::string large(5'000'000, 'x');
    std::jthread receiver;
    EXPECT_TRUE(through_signals(
        [&] {
            connection.send_bytes(large);
            return true;
        },
        [&] { receiver = std::jthread([&] { EXPECT_EQ(recv_text(peer), large); }); }));
}

TEST(SocketConnection, cut_off_in_sending_sends_nothing_more) {
    const Ends ends = over_socket();
    const Connection &connection = ends.receiver, &peer = ends.sender;
    std::jthread sender([&](std::stop_token stop) {
        EXPECT_THROW(connection.send_bytes(std::string(5'000'000, 'x'), 0, {}, stop),
                     procession::CancelledError);
    });
    EXPECT_TRUE(peer.poll(procession::forever));
    sender.request_stop();
    sender.join();
    EXPECT_FALSE(connection.writable());
    EXPECT_THROW(connection.send_bytes("x"), procession::ValueError);
    refused(ECONNRESET, [&] { (void)peer.recv_bytes(); });
    peer.send_bytes("still there?");
    EXPECT_EQ(recv_text(connection), "still there?");
}

TEST(SocketConnection, does_not_mix_what_threads_send) {
    const Ends ends = over_socket();
    const Connection &receiver = ends.receiver, &sender = ends.sender;
    constexpr int threads = 4, messages = 50;
    std::vector<std::jthread> senders;
    for (int i = 0; i < threads; ++i)
        senders.emplace_back([&, letter = static_cast<char>('a' + i)] {
            for (int j = 0; j < messages; ++j) sender.send_bytes(std::string(50'000, letter));
        });
    for (int i = 0; i < threads * messages; ++i) {
        const std::string message = recv_text(receiver);
        ASSERT_EQ(message, std::string(50'000, message[0]));
    }
}

TEST(SocketConnection, gives_each_message_to_one_thread) {
    const Ends ends = over_socket();
    const Connection &receiver = ends.receiver, &sender = ends.sender;
    std::atomic<int> sum = 0;
    std::vector<std::jthread> receivers;
    for (int i = 0; i < 3; ++i)
        receivers.emplace_back([&] {
            for (int j = 0; j < 40; ++j) sum += std::stoi(recv_text(receiver));
        });
    for (int i = 1; i <= 120; ++i) sender.send_bytes(std::to_string(i));
    receivers.clear();
    EXPECT_EQ(sum, 120 * 121 / 2);
}

TEST(SocketConnection, has_a_descriptor_that_shows_messages_and_the_end) {
    const Ends ends = over_socket();
    const Connection &receiver = ends.receiver, &sender = ends.sender;
    EXPECT_FALSE(shows(receiver));
    sender.send_bytes("hello");
    EXPECT_TRUE(shows(receiver));
    (void)receiver.recv_bytes();
    EXPECT_FALSE(shows(receiver));
    sender.close();
    EXPECT_TRUE(shows(receiver));
}

TEST(SocketConnection, shows_a_message_that_was_put_back) {
    auto [one, other] = socket_ends();
    const Connection receiver = connection_over(std::move(one), {}, 1 << 30, Format::native);
    const Connection sender = connection_over(std::move(other), {}, 1 << 30, Format::native);
    const int fd = receiver.fileno();
    sender.send(std::string("text"));
    sender.send(7);
    for (int i = 0; i < 2; ++i) {
        EXPECT_THROW((void)receiver.recv<double>(), procession::TypeMismatch);
        EXPECT_TRUE(shows(receiver) && receiver.poll());
        EXPECT_THROW((void)receiver.recv_bytes(1), procession::ValueError);
    }
    EXPECT_EQ(receiver.recv<std::string>(), "text");
    EXPECT_TRUE(shows(receiver) && receiver.poll());
    EXPECT_EQ(receiver.recv<int>(), 7);
    EXPECT_FALSE(shows(receiver) || receiver.poll());
    EXPECT_EQ(receiver.fileno(), fd);
}

TEST(SocketConnection, in_a_forked_child_has_a_descriptor_of_its_own) {
    const Ends ends = over_socket();
    const Connection &receiver = ends.receiver, &sender = ends.sender;
    const int fd = receiver.fileno();
    EXPECT_EQ(in_child([&] {
                  if (receiver.fileno() != fd) ::_exit(1);
                  sender.send_bytes("hello");
                  if (!shows(receiver)) ::_exit(2);
              }),
              0);
    EXPECT_TRUE(shows(receiver));
    EXPECT_EQ(recv_text(receiver), "hello");
    EXPECT_FALSE(shows(receiver));
}

TEST(SocketConnection, is_open_until_all_that_have_it_are_closed) {
    const Ends ends = over_socket();
    const Connection &receiver = ends.receiver, &sender = ends.sender;
    const Connection again = sender.dup();
    sender.close();
    again.send_bytes("hello");
    EXPECT_EQ(recv_text(receiver), "hello");
    again.close();
    EXPECT_THROW((void)receiver.recv_bytes(), procession::EndOfFile);
}

TEST(SocketConnection, is_not_duplicated_within_a_message) {
    auto [ours, theirs] = socket_ends();
    const Connection connection = connection_over(std::move(ours));
    write_to(theirs, "\0\0\0\2h"s);
    EXPECT_THROW((void)connection.recv_bytes({}, 0s), procession::TimeoutError);
    EXPECT_THROW((void)connection.dup(), procession::StateError);
    write_to(theirs, "i");
    EXPECT_EQ(recv_text(connection), "hi");
    EXPECT_NO_THROW((void)connection.dup());
}

}  // namespace
