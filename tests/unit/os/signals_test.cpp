// SPDX-License-Identifier: Apache-2.0

// Which call of the os layer retries when a signal interrupts it. Decided call by call, from what the
// call waits for and what it has done by then; those that can wait are tested in a storm of signals.
//
//   call                       interrupted  why
//   Descriptor::reset          not retried  the descriptor is closed all the same (close(2)); a second
//                                           close could hit another thread's new one
//   Descriptor::duplicate      cannot be    never waits
//   futex_wait                 ends         the caller has to look at its condition anyway
//   futex_wake                 cannot be    never waits
//   wait_readable              retried      with the same deadline, so a storm does not prolong it
//   reap, reap_any             retried      WNOHANG: it does not wait, and has reaped nothing by then
//   pidfd_open, _send_signal   cannot be    never wait
//   try_lock_byte, unlock_byte,
//   byte_is_held_by_another    cannot be    F_SETLK and F_GETLK never wait
//   make_socketpair            cannot be    never waits
//   send_message               retried      a message is sent whole or not at all
//   receive_message            retried      a message is received whole or not at all
//   listen_abstract            cannot be    never waits
//   connect_abstract           cannot be    it is EAGAIN where it would have to wait
//   credentials_fingerprint    retried      the read; opening a file of /proc does not wait
//   accept_connection          retried      nothing has been accepted by then
//   make_sealed_memfd, check_sealed_memfd, Mapping, make_wipe_on_fork_page, peer_user, Inherited
//                              cannot be    never wait

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <array>
#include <cstring>

#include "os/error.hpp"
#include "os/futex.hpp"
#include "os/pidfd.hpp"
#include "os/socket.hpp"
#include "support/signal_storm.hpp"

namespace procession {
namespace {

using namespace std::chrono_literals;
using test::storm_signals;
using test::through_signals;

constexpr std::array<std::byte, 1> one_byte{std::byte{7}};

std::pair<os::Descriptor, os::Descriptor> make_pipe() {
    int ends[2];
    os::checked(::pipe2(ends, O_CLOEXEC), "pipe", "pipe2");
    return {os::Descriptor(ends[0]), os::Descriptor(ends[1])};
}

TEST(FutexWait, ends_at_a_signal_and_says_so) {
    const std::atomic<std::uint32_t> word = 5;
    const auto wake =
        through_signals([&] { return os::futex_wait(word, 5, os::Deadline::never()); }, [] {});
    EXPECT_EQ(wake, os::Wake::interrupted);
    EXPECT_GE(storm_signals, 1);
}

TEST(WaitReadable, goes_on_after_a_signal) {
    const auto [reader, writer] = make_pipe();
    EXPECT_TRUE(
        through_signals([&, fd = reader.get()] { return os::wait_readable(fd, os::Deadline::never()); },
                        [fd = writer.get()] { ASSERT_EQ(::write(fd, "x", 1), 1); }));
    EXPECT_EQ(storm_signals, 20);
}

TEST(WaitReadable, keeps_its_deadline_through_signals) {
    const auto [reader, writer] = make_pipe();
    const auto begin = os::Deadline::Clock::now();
    const auto deadline = os::Deadline::at(begin + 200ms);
    EXPECT_FALSE(
        through_signals([&, fd = reader.get()] { return os::wait_readable(fd, deadline); }, [] {}));
    EXPECT_GE(os::Deadline::Clock::now() - begin, 200ms);
    EXPECT_GE(storm_signals, 1);
}

TEST(Reap, gives_the_status_once_whatever_signals_come) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(3);
    const os::Descriptor process = os::pidfd_open(pid);
    const auto status = through_signals(
        [&] {
            std::optional<os::WaitStatus> found;
            while (!found) found = os::reap(process.get());
            return *found;
        },
        [] {});
    EXPECT_EQ(status.code, 3);
    EXPECT_THROW(static_cast<void>(os::reap(process.get())), std::system_error);
}

TEST(SendMessage, goes_on_after_a_signal) {
    const auto [ours, theirs] = os::make_socketpair();
    const std::array<std::byte, 1024> bulk{};
    int queued = 0;
    while (::send(ours.get(), bulk.data(), bulk.size(), MSG_DONTWAIT) > 0) ++queued;
    ASSERT_EQ(errno, EAGAIN);
    const auto take_all = [&, fd = theirs.get()] {
        std::array<std::byte, 1024> buffer;
        for (int i = 0; i < queued; ++i) EXPECT_EQ(os::receive_message(fd, buffer, 0).size, bulk.size());
    };
    through_signals([&, fd = ours.get()] { return os::send_message(fd, one_byte), 0; }, take_all);
    EXPECT_EQ(storm_signals, 20);
    std::array<std::byte, 2> buffer;
    EXPECT_EQ(os::receive_message(theirs.get(), buffer, 0).size, 1u) << "sent once, and whole";
}

TEST(ReceiveMessage, goes_on_after_a_signal) {
    const auto [ours, theirs] = os::make_socketpair();
    std::array<std::byte, 8> buffer;
    EXPECT_EQ(through_signals([&, fd = ours.get()] { return os::receive_message(fd, buffer, 0).size; },
                              [fd = theirs.get()] { os::send_message(fd, one_byte); }),
              1u);
    EXPECT_EQ(storm_signals, 20);
    EXPECT_EQ(buffer[0], one_byte[0]);
}

TEST(AcceptConnection, goes_on_after_a_signal) {
    const auto [listener, name] = os::listen_abstract();
    os::Descriptor client;
    const int accepted =
        through_signals([&, fd = listener.get()] { return os::accept_connection(fd).release(); },
                        [&, &name = name] { client = os::connect_abstract(name); });
    const os::Descriptor server(accepted);
    EXPECT_TRUE(server);
    EXPECT_EQ(storm_signals, 20);
}

}  // namespace
}  // namespace procession
