// SPDX-License-Identifier: Apache-2.0

// Descriptors, and connections that are descriptors, go to other processes inside messages.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <cctype>
#include <string>

#include "os/descriptor.hpp"
#include "os/self.hpp"
#include "process/fork_server.hpp"
#include "support/listening.hpp"
#include "support/start_methods.hpp"
#include "support/waiting.hpp"

namespace {

using namespace procession::test;
using procession::os::Descriptor;

class Parking : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EachMethod, Parking, all_start_methods(), name_of_parameter);

std::string upper(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::toupper(c); });
    return text;
}

void accept_and_pass_on(mp::Connection to, mp::Connection address_to) {
    mp::Listener unix_listener, tcp_listener(mp::Address("localhost", 0));
    address_to.send(unix_listener.address().to_string());
    address_to.send(static_cast<int>(tcp_listener.address().port()));
    to.send(unix_listener.accept());
    to.send(tcp_listener.accept());
}

// conformance: connection.pass_accepted
TEST_P(Parking, passes_accepted_connections_on) {
    auto [from_listener, to_us] = mp::Pipe(false);
    auto [addresses, address_to] = mp::Pipe(false);
    mp::Process listener(accept_and_pass_on, std::move(to_us), std::move(address_to));
    listener.start();
    const auto path = addresses.recv<std::string>();
    const auto port = static_cast<std::uint16_t>(addresses.recv<int>());
    for (const mp::Address& address : {mp::Address(path), mp::Address("localhost", port)}) {
        const mp::Connection client = mp::Client(address);
        client.send_bytes("hello");
        const auto accepted = from_listener.recv<mp::Connection>();
        accepted.send_bytes(upper(recv_text(accepted)));
        EXPECT_EQ(recv_text(client), "HELLO");
    }
    listener.join();
    EXPECT_EQ(listener.exitcode(), 0);
}

void answer(mp::Connection client) { client.send_bytes(upper(recv_text(client))); }

TEST_P(Parking, gives_a_socket_to_a_process_as_an_argument) {
    mp::Listener listener;
    mp::Connection client = mp::Client(listener.address());
    mp::Connection accepted = listener.accept();
    mp::Process server(answer, std::move(accepted));
    server.start();
    EXPECT_TRUE(accepted.closed());
    client.send_bytes("one");
    EXPECT_EQ(recv_text(client), "ONE");
    server.join();
    EXPECT_THROW((void)client.recv_bytes(), mp::EndOfFile);
    EXPECT_EQ(server.exitcode(), 0);
}

// ---------------------------------------------------------------- descriptors

void write_foo(mp::Connection from) {
    const Descriptor file(from.recv_handle());
    if (::write(file.get(), "foo", 3) != 3) mp::exit(1);
}

void use_all_below_256_and_write_bar(mp::Connection from) {
    std::vector<Descriptor> used;
    while (used.empty() || used.back().get() < 255) {
        used.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
        if (!used.back()) mp::exit(2);
    }
    const Descriptor file(from.recv_handle());
    if (file.get() < 256) mp::exit(3);
    if (::write(file.get(), "bar", 3) != 3) mp::exit(4);
}

struct File {
    Descriptor fd{::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
    std::string text() const {
        char text[8] = {};
        const auto size = ::pread(fd.get(), text, sizeof text, 0);
        return {text, static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
    }
};

// conformance: connection.fd_transfer
TEST_P(Parking, sends_a_descriptor_through_a_pipe) {
    const File file;
    auto [from, to] = mp::Pipe(false);
    mp::Process p(write_foo, std::move(from));
    p.start();
    to.send_handle(file.fd.get());
    p.join();
    EXPECT_EQ(p.exitcode(), 0);
    EXPECT_EQ(file.text(), "foo");
}

// conformance: connection.large_fd_transfer
TEST_P(Parking, sends_a_descriptor_with_a_large_number) {
    const File file;
    const Descriptor large(::fcntl(file.fd.get(), F_DUPFD_CLOEXEC, 256));
    auto [from, to] = mp::Pipe(false);
    mp::Process p(use_all_below_256_and_write_bar, std::move(from));
    p.start();
    to.send_handle(large.get());
    p.join();
    EXPECT_EQ(p.exitcode(), 0);
    EXPECT_EQ(file.text(), "bar");
}

// conformance: connection.missing_fd
TEST(Handles, are_missed_where_a_byte_came_alone) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    const mp::Connection connection(ends[0]);
    const Descriptor peer(ends[1]);
    ASSERT_EQ(::write(peer.get(), "\0", 1), 1);
    EXPECT_THROW((void)connection.recv_handle(), mp::TypeMismatch);
}

TEST(Handles, go_over_unix_sockets) {
    mp::Listener listener;
    const mp::Connection client = mp::Client(listener.address());
    const mp::Connection server = listener.accept();
    const File file;
    client.send_handle(file.fd.get());
    const Descriptor received(server.recv_handle());
    ASSERT_EQ(::write(received.get(), "foo", 3), 3);
    EXPECT_EQ(file.text(), "foo");
}

TEST(Handles, do_not_go_over_tcp) {
    mp::Listener listener(mp::Address("localhost", 0));
    const mp::Connection client = mp::Client(listener.address());
    EXPECT_THROW(client.send_handle(0), mp::ValueError);
}

// ---------------------------------------------------------------- deaths

/// A client, and the other end of its connection in a pipe.
struct Parked {
    mp::Listener listener;
    mp::Connection client = mp::Client(listener.address());
    mp::ConnectionPair pipe = mp::Pipe(false);
};

void send_and_die(mp::Connection to, mp::Connection what) {
    to.send(std::move(what));
    ::raise(SIGKILL);
}

TEST_P(Parking, outlives_the_sender) {
    Parked parked;
    mp::Process sender(send_and_die, std::move(parked.pipe.second), parked.listener.accept());
    sender.start();
    sender.join();
    EXPECT_EQ(sender.exitcode(), -SIGKILL);
    const auto received = parked.pipe.first.recv<mp::Connection>();
    received.send_bytes("still here");
    EXPECT_EQ(recv_text(parked.client), "still here");
}

TEST(ParkedConnection, is_closed_when_nobody_can_receive_it_any_more) {
    Parked parked;
    parked.pipe.second.send(parked.listener.accept());
    parked.pipe.first.close();
    EXPECT_THROW((void)parked.client.recv_bytes(), mp::EndOfFile);
}

TEST(ParkedConnection, is_closed_with_the_queue_that_it_is_in) {
    mp::Listener listener;
    const mp::Connection client = mp::Client(listener.address());
    {
        const mp::Queue<mp::Connection> queue;
        queue.put(listener.accept());
    }
    EXPECT_THROW((void)client.recv_bytes(), mp::EndOfFile);
}

TEST(ParkedConnection, ends_where_it_was_received_and_closed) {
    Parked parked;
    parked.pipe.second.send(parked.listener.accept());
    parked.pipe.first.recv<mp::Connection>().close();
    EXPECT_THROW((void)parked.client.recv_bytes(), mp::EndOfFile);
}

TEST(ParkedConnection, reads_as_end_of_file_when_the_fork_server_was_killed) {
    Parked parked;
    parked.pipe.second.send(parked.listener.accept());
    const auto& server = procession::detail::fork_server_for(procession::os::credentials_fingerprint());
    const auto participant = server.participant.load();
    ::kill(procession::heap::Heap::program().describe(participant)->pid, SIGKILL);
    wait_until([&] { return procession::heap::Heap::program().is_dead(participant); });
    const auto received = parked.pipe.first.recv<mp::Connection>();
    EXPECT_THROW((void)received.recv_bytes(), mp::EndOfFile);
    EXPECT_THROW(received.send_bytes("x"), mp::EndOfFile);
    EXPECT_THROW((void)parked.client.recv_bytes(), mp::EndOfFile);
    // The next one has a new server.
    mp::Connection again = mp::Client(parked.listener.address());
    parked.pipe.second.send(parked.listener.accept());
    parked.pipe.first.recv<mp::Connection>().send_bytes("again");
    EXPECT_EQ(recv_text(again), "again");
}

}  // namespace
