// SPDX-License-Identifier: Apache-2.0
#include "os/socket.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>

#include "os/error.hpp"
#include "support/descriptors.hpp"
#include "support/event.hpp"
#include "support/expect.hpp"
#include "support/proc.hpp"

namespace procession {
namespace {

using test::closes_on_exec;
using test::Event;
using test::expect_parts;
using test::open_null;
using test::refused;

constexpr std::array<std::byte, 3> message{std::byte{1}, std::byte{2}, std::byte{3}};

TEST(Socket, keeps_the_bounds_of_messages) {
    const auto [ours, theirs] = os::make_socketpair();
    EXPECT_TRUE(closes_on_exec(ours.get()) && closes_on_exec(theirs.get()));
    os::send_message(ours.get(), message);
    os::send_message(ours.get(), std::span(message).first(1));
    std::array<std::byte, 8> buffer;
    EXPECT_EQ(os::receive_message(theirs.get(), buffer, 0).size, 3u);
    EXPECT_EQ(buffer[2], message[2]);
    EXPECT_EQ(os::receive_message(theirs.get(), buffer, 0).size, 1u);
}

TEST(Socket, passes_descriptors_that_close_on_exec) {
    const auto [ours, theirs] = os::make_socketpair();
    std::vector<int> sent;
    std::vector<os::Descriptor> files;
    for (int i = 0; i < 16; ++i) sent.push_back(files.emplace_back(open_null()).get());
    os::send_message(ours.get(), message, sent);
    std::array<std::byte, 8> buffer;
    const auto received = os::receive_message(theirs.get(), buffer, 16);
    ASSERT_EQ(received.descriptors.size(), 16u);
    for (const auto& each : received.descriptors) {
        EXPECT_TRUE(closes_on_exec(each.get()));
        EXPECT_EQ(test::open_descriptors().at(each.get()), "/dev/null");
    }
}

TEST(Socket, closes_the_descriptors_that_did_not_fit) {
    const auto [ours, theirs] = os::make_socketpair();
    const os::Descriptor file = open_null();
    const std::array<int, 4> sent{file.get(), file.get(), file.get(), file.get()};
    os::send_message(ours.get(), message, sent);
    const auto before = test::open_descriptors();
    std::array<std::byte, 8> buffer;
    expect_parts(refused(EMSGSIZE, [&, fd = theirs.get()] { os::receive_message(fd, buffer, 1); }),
                 {"Unix socket: recvmsg: EMSGSIZE", "RLIMIT_NOFILE"});
    EXPECT_EQ(test::open_descriptors(), before);
}

TEST(Socket, refuses_a_message_that_is_too_long_for_the_buffer) {
    const auto [ours, theirs] = os::make_socketpair();
    os::send_message(ours.get(), message);
    std::array<std::byte, 2> buffer;
    expect_parts(refused(EMSGSIZE, [&, fd = theirs.get()] { os::receive_message(fd, buffer, 0); }),
                 {"did not fit"});
}

TEST(Socket, whose_peer_is_gone_is_an_error_and_no_signal) {
    auto [ours, theirs] = os::make_socketpair();
    theirs.reset();
    std::array<std::byte, 8> buffer;
    EXPECT_EQ(os::receive_message(ours.get(), buffer, 0).size, 0u);
    expect_parts(refused(EPIPE, [&, fd = ours.get()] { os::send_message(fd, message); }),
                 {"Unix socket: sendmsg: EPIPE"});
}

TEST(Socket, has_a_name_that_leaves_no_file) {
    auto [listener, name] = os::listen_abstract();
    const auto [another, other_name] = os::listen_abstract();
    EXPECT_NE(name, other_name);
    const os::Descriptor client = os::connect_abstract(name);
    const os::Descriptor server = os::accept_connection(listener.get());
    for (const os::Descriptor* each : {&std::as_const(listener), &client, &server})
        EXPECT_TRUE(closes_on_exec(each->get()));
    os::send_message(client.get(), message);
    std::array<std::byte, 8> buffer;
    EXPECT_EQ(os::receive_message(server.get(), buffer, 0).size, 3u);
    refused(ENAMETOOLONG, [] { os::connect_abstract(std::string(108, 'x')); });
    listener.reset();
    expect_parts(refused(ECONNREFUSED, [&, &name = name] { os::connect_abstract(name); }),
                 {"abstract socket: connect: ECONNREFUSED"});
}

TEST(Socket, that_has_a_full_backlog_is_not_waited_for) {
    const auto [listener, name] = os::listen_abstract();
    ASSERT_EQ(::listen(listener.get(), 0), 0);  // room for one that waits
    const os::Descriptor first = os::connect_abstract(name);
    expect_parts(refused(EAGAIN, [&, &name = name] { os::connect_abstract(name); }),
                 {"abstract socket: connect: EAGAIN"});
}

TEST(Socket, knows_the_user_at_the_other_end) {
    const auto [ours, theirs] = os::make_socketpair();
    EXPECT_EQ(os::peer_user(ours.get()), ::geteuid());
    if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
    constexpr uid_t nobody = 65534;
    const auto [listener, name] = os::listen_abstract();
    const Event looked_at;
    const pid_t pid = ::fork();
    if (pid == 0) {
        os::checked(::setuid(nobody), "test", "setuid");
        const os::Descriptor client = os::connect_abstract(name);
        looked_at.wait();
        ::_exit(0);
    }
    const os::Descriptor server = os::accept_connection(listener.get());
    EXPECT_EQ(os::peer_user(server.get()), nobody);
    looked_at.set();
    ::waitpid(pid, nullptr, 0);
}

}  // namespace
}  // namespace procession
