// SPDX-License-Identifier: Apache-2.0
#include "os/pidfd.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <fstream>
#include <limits>
#include <vector>

#include "os/socket.hpp"
#include "support/child.hpp"
#include "support/expect.hpp"

namespace procession {
namespace {

using namespace std::chrono_literals;
using test::expect_parts;
using test::refused;

TEST(Pidfd, of_no_process_is_refused_with_the_reason) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(0);
    ::waitpid(pid, nullptr, 0);
    expect_parts(refused(ESRCH, [&] { os::pidfd_open(pid); }),
                 {"process: pidfd_open: ESRCH", "it has ended"});
}

TEST(Pidfd, tells_whether_the_signal_had_somebody_to_go_to) {
    const pid_t pid = ::fork();
    if (pid == 0)
        for (;;) ::pause();
    const os::Descriptor process = os::pidfd_open(pid);
    EXPECT_FALSE(os::reap(process.get()).has_value());
    EXPECT_TRUE(os::pidfd_send_signal(process.get(), SIGTERM));
    EXPECT_TRUE(os::wait_readable(process.get(), os::Deadline::never()));
    EXPECT_EQ(os::reap(process.get()).value().code, -SIGTERM);
    EXPECT_FALSE(os::pidfd_send_signal(process.get(), SIGTERM));
    expect_parts(refused(EBADF, [] { os::pidfd_send_signal(-1, SIGTERM); }),
                 {"process: pidfd_send_signal: EBADF"});
}

TEST(Pidfd, is_reaped_once) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(9);
    const os::Descriptor process = os::pidfd_open(pid);
    EXPECT_TRUE(os::wait_readable(process.get(), os::Deadline::never()));
    EXPECT_EQ(os::reap(process.get()).value().code, 9);
    expect_parts(refused(ECHILD, [&] { static_cast<void>(os::reap(process.get())); }),
                 {"child process: waitid: ECHILD"});
}

TEST(Pidfd, tells_what_the_process_used) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        std::vector<char> memory(32 << 20, 'x');
        ::_exit(memory[1] == 'x' ? 0 : 1);
    }
    const os::Descriptor process = os::pidfd_open(pid);
    EXPECT_TRUE(os::wait_readable(process.get(), os::Deadline::never()));
    const auto status = os::reap(process.get()).value();
    EXPECT_EQ(status.code, 0);
    EXPECT_GE(status.usage.ru_maxrss, 32 << 10);
}

TEST(WaitReadable, gives_up_at_its_deadline_and_no_sooner) {
    const auto [ours, theirs] = os::make_socketpair();
    const auto end = os::Deadline::Clock::now() + 50ms;
    EXPECT_FALSE(os::wait_readable(ours.get(), os::Deadline::at(end)));
    EXPECT_GE(os::Deadline::Clock::now(), end);
}

TEST(WaitReadable, sees_that_the_other_side_hung_up) {
    auto [ours, theirs] = os::make_socketpair();
    theirs.reset();
    EXPECT_TRUE(os::wait_readable(ours.get(), os::Deadline::never()));
}

TEST(PidfdOpenEvenIfGone, of_a_process_that_is_gone_is_readable_at_once) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(0);
    ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
    EXPECT_TRUE(os::wait_readable(os::pidfd_open_even_if_gone(pid).get(), os::Deadline::now()));
    EXPECT_FALSE(os::wait_readable(os::pidfd_open_even_if_gone(::getpid()).get(), os::Deadline::now()));
}

TEST(ReapAny, takes_each_child_once_and_then_none) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(7);
    const os::Descriptor pidfd = os::pidfd_open(pid);
    ASSERT_TRUE(os::wait_readable(pidfd.get(), os::Deadline::never()));
    const auto ended = os::reap_any();
    ASSERT_TRUE(ended.has_value());
    EXPECT_EQ(ended->pid, pid);
    EXPECT_EQ(ended->status.code, 7);
    EXPECT_FALSE(os::reap_any().has_value());
    EXPECT_FALSE(os::reap_quietly(pidfd.get()).has_value());
}

// Linux 6.15 and later keep the code for whoever has a pidfd; before that there is none to be had.
TEST(ExitCodeOf, is_known_of_a_process_that_somebody_else_reaped) {
    for (const int end : {3, -SIGKILL}) {
        const pid_t pid = ::fork();
        if (pid == 0) {
            if (end < 0) ::raise(-end);
            ::_exit(end);
        }
        const os::Descriptor pidfd = os::pidfd_open(pid);
        ASSERT_EQ(::waitpid(pid, nullptr, 0), pid);
        EXPECT_EQ(os::exit_code_of(pidfd.get()).value_or(end), end);
    }
}

}  // namespace
}  // namespace procession
