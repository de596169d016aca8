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
    expect_parts(refused(ESRCH, [&] { os::pidfd_open(pid); }), {"process: pidfd_open: ESRCH", "it has ended"});
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
                 {"child process: waitid(P_PIDFD): ECHILD"});
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

TEST(ProcessStartTime, names_a_process_for_good) {
    const auto mine = os::process_start_time(::getpid());
    EXPECT_GT(mine, 0u);
    EXPECT_EQ(os::process_start_time(::getpid()), mine);
    EXPECT_GT(mine, os::process_start_time(1));
    EXPECT_EQ(os::process_start_time(std::numeric_limits<pid_t>::max()), 0u);
}

TEST(ProcessStartTime, is_read_whatever_the_process_is_called) {
    EXPECT_EQ(0, test::in_child([] {
        const auto before = os::process_start_time(::getpid());
        std::ofstream("/proc/self/comm") << "a) R 1 (b";
        ::_exit(os::process_start_time(::getpid()) == before ? 0 : 1);
    }));
}

}  // namespace
}  // namespace procession
