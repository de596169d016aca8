// SPDX-License-Identifier: Apache-2.0

// The descriptor that says that there is something to receive.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/epoll.h>
#include <procession/mp.hpp>

#include <string>
#include <thread>

#include "support/bells.hpp"
#include "support/child.hpp"
#include "support/descriptors.hpp"

namespace {

using namespace std::chrono_literals;
namespace test = procession::test;
using test::is_readable;
using test::wait_until_readable;

TEST(ConnectionFileno, is_readable_exactly_while_a_message_waits) {
    auto [a, b] = mp::Pipe();
    a.send(0);
    const int fd = b.fileno();
    EXPECT_TRUE(is_readable(fd));
    static_cast<void>(b.recv<int>());
    for (int i = 0; i < 50; ++i) {
        EXPECT_FALSE(is_readable(fd));
        a.send(1);
        a.send_bytes("");
        EXPECT_TRUE(is_readable(fd));
        EXPECT_TRUE(b.poll());
        static_cast<void>(b.recv<int>());
        EXPECT_TRUE(is_readable(fd));
        static_cast<void>(b.recv_bytes());
    }
    EXPECT_FALSE(is_readable(fd));
}

TEST(ConnectionFileno, stays_readable_for_a_message_that_was_refused) {
    auto [a, b] = mp::Pipe();
    const int fd = b.fileno();
    a.send("text");
    EXPECT_THROW(static_cast<void>(b.recv<int>()), mp::TypeMismatch);
    EXPECT_TRUE(is_readable(fd));
    static_cast<void>(b.recv<std::string>());
    EXPECT_FALSE(is_readable(fd));
}

TEST(ConnectionFileno, is_readable_at_the_end_of_file) {
    auto [a, b] = mp::Pipe();
    const int fd = b.fileno();
    EXPECT_FALSE(is_readable(fd));
    a.close();
    EXPECT_TRUE(is_readable(fd));
    EXPECT_THROW(static_cast<void>(b.recv<int>()), mp::EndOfFile);
    EXPECT_TRUE(is_readable(fd)) << "for good";
}

TEST(ConnectionFileno, is_one_for_each_way) {
    auto [a, b] = mp::Pipe();
    EXPECT_NE(a.fileno(), b.fileno());
    a.send(1);
    EXPECT_TRUE(is_readable(b.fileno()));
    EXPECT_FALSE(is_readable(a.fileno()));
    b.send(2);
    EXPECT_TRUE(is_readable(a.fileno()));
}

TEST(ConnectionFileno, is_the_same_for_all_of_an_end_and_goes_with_the_last) {
    auto [a, b] = mp::Pipe();
    auto again = b.dup();
    const int fd = b.fileno();
    EXPECT_EQ(again.fileno(), fd);
    EXPECT_TRUE(test::closes_on_exec(fd));
    b.close();
    a.send(1);
    EXPECT_TRUE(is_readable(fd));
    again.close();
    EXPECT_FALSE(test::is_open(fd));
}

TEST(ConnectionFileno, moves_with_the_connection_object) {
    auto [a, b] = mp::Pipe();
    const int fd = b.fileno();
    const mp::Connection moved = std::move(b);
    EXPECT_EQ(moved.fileno(), fd);
}

TEST(ConnectionFileno, is_another_where_the_end_was_received) {
    auto [a, b] = mp::Pipe();
    auto [c, d] = mp::Pipe();
    static_cast<void>(d.fileno());
    a.send(std::move(d));
    const auto received = b.recv<mp::Connection>();
    const int fd = received.fileno();
    EXPECT_FALSE(is_readable(fd));
    c.send(1);
    EXPECT_TRUE(is_readable(fd));
}

TEST(ConnectionFileno, hears_another_process) {
    auto [a, b] = mp::Pipe();
    auto [go, gone] = mp::Pipe();
    const int fd = b.fileno();
    const pid_t child = test::fork_to([&a = a, &gone = gone] {
        for (int i = 0; i < 200; ++i) a.send(gone.recv<int>());
    });
    go.send(0);
    wait_until_readable(fd);
    a.close();
    for (int i = 0; i < 200; ++i) {
        wait_until_readable(fd);
        EXPECT_EQ(b.recv<int>(), i);
        if (i < 199) {
            EXPECT_FALSE(is_readable(fd));
            go.send(i + 1);
        }
    }
    EXPECT_EQ(test::end_of(child), 0);
    wait_until_readable(fd);
    EXPECT_THROW(static_cast<void>(b.recv<int>()), mp::EndOfFile);
}

TEST(ConnectionFileno, is_a_forked_childs_own_once_it_asks) {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP()
        << "the thread sanitizer allows no threads in a child that a process with threads has forked";
#endif
    auto [a, b] = mp::Pipe();
    const int fd = b.fileno();
    test::wait_until_bell_threads_sleep();
    const test::Event asked;
    const pid_t child = test::fork_to([&, &b = b] {
        if (b.fileno() != fd || is_readable(fd)) ::_exit(1);
        asked.set();
        wait_until_readable(fd);
        ::_exit(b.recv<int>());
    });
    asked.wait();
    a.send(7);
    EXPECT_EQ(test::end_of(child), 7);
    EXPECT_THROW(static_cast<void>(b.recv<int>(0s)), mp::TimeoutError);
    EXPECT_FALSE(is_readable(fd));
    a.send(8);
    EXPECT_TRUE(is_readable(fd));
}

TEST(ConnectionFileno, hears_that_the_peer_was_killed) {
    auto [a, b] = mp::Pipe();
    const test::Event used;
    const pid_t child = test::child_that_stays(used, [&a = a] { a.send(1); });
    a.close();
    EXPECT_EQ(b.recv<int>(), 1);
    const int fd = b.fileno();
    EXPECT_FALSE(is_readable(fd));
    test::wait_until_bell_threads_sleep();
    ::kill(child, SIGKILL);
    wait_until_readable(fd);
    EXPECT_THROW(static_cast<void>(b.recv<int>(0s)), mp::EndOfFile);
    test::end_of(child);
}

TEST(ConnectionFileno, of_several_pipes_are_polled_together_and_by_edges) {
    auto [a, b] = mp::Pipe();
    auto [c, d] = mp::Pipe();
    const procession::os::Descriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
    const auto add = [&](const mp::Connection& end, std::uint32_t id) {
        epoll_event event{EPOLLIN | EPOLLET, {.u32 = id}};
        ASSERT_EQ(::epoll_ctl(epoll.get(), EPOLL_CTL_ADD, end.fileno(), &event), 0);
    };
    add(b, 0);
    add(d, 1);
    epoll_event events[2];
    EXPECT_EQ(::epoll_wait(epoll.get(), events, 2, 0), 0);
    std::thread sender([&c = c] { c.send(1); });
    EXPECT_EQ(::epoll_wait(epoll.get(), events, 2, -1), 1);
    EXPECT_EQ(events[0].data.u32, 1u);
    sender.join();
    EXPECT_EQ(d.recv<int>(), 1);
    // With edges, receive until there is nothing.
    EXPECT_THROW(static_cast<void>(d.recv<int>(0s)), mp::TimeoutError);
    c.send(2);
    a.send(3);
    EXPECT_EQ(::epoll_wait(epoll.get(), events, 2, -1), 2);
}

}  // namespace
