// SPDX-License-Identifier: Apache-2.0
#include "os/self.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <latch>
#include <thread>

#include "support/child.hpp"

namespace procession {
namespace {

TEST(Credentials, are_the_same_each_time_and_in_a_child) {
    const auto mine = os::credentials_fingerprint();
    EXPECT_EQ(os::credentials_fingerprint(), mine);
    EXPECT_EQ(0, test::in_child([&] { ::_exit(os::credentials_fingerprint() == mine ? 0 : 1); }));
}

TEST(Credentials, of_another_session_are_others) {
    const auto mine = os::credentials_fingerprint();
    EXPECT_EQ(0, test::in_child(
                     [&] { ::_exit(::setsid() > 0 && os::credentials_fingerprint() != mine ? 0 : 1); }));
}

TEST(Credentials, of_another_user_group_or_namespace_are_others) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can change its credentials at will";
    const auto differs = [mine = os::credentials_fingerprint()](auto change) {
        return test::in_child(
            [&] { ::_exit(change() == 0 && os::credentials_fingerprint() != mine ? 0 : 1); });
    };
    EXPECT_EQ(0, differs([] { return ::setresuid(65534, 65534, 65534); }));
    EXPECT_EQ(0, differs([] { return ::setresgid(65534, 65534, 65534); }));
    EXPECT_EQ(0, differs([] { return ::unshare(CLONE_NEWUTS); }));
}

TEST(ThreadCount, counts_the_threads_of_this_process) {
    std::latch done(1);
    // Some tools add a thread of their own beside the first.
    std::jthread first([&] { done.wait(); });
    const int before = os::thread_count();
    std::jthread second([&] { done.wait(); });
    EXPECT_EQ(os::thread_count(), before + 1);
    done.count_down();
}

}  // namespace
}  // namespace procession
