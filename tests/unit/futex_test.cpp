// SPDX-License-Identifier: Apache-2.0
#include "os/futex.hpp"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstddef>
#include <thread>

#include "support/child.hpp"

namespace {

using namespace std::chrono_literals;
using procession::os::Deadline;
using procession::os::futex_wait_any;
using procession::os::futex_wake;
using procession::os::Wake;

const Deadline never = Deadline::never();

// So that code runs as on a kernel before 5.16, or in a sandbox that refuses what it does not know.
void refuse_futex_waitv(std::uint32_t error) {
    constexpr std::uint32_t futex_waitv = 449;
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, futex_waitv, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog filter{4, program};
    ASSERT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ASSERT_EQ(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter), 0);
}

// Wakes again and again, since no waiter says that it sleeps now.
template <class Wait>
Wake while_being_woken(const std::atomic<std::uint32_t>& word, Wait wait) {
    std::atomic<bool> over = false;
    std::jthread waker([&] {
        while (!over) futex_wake(word, INT_MAX);
    });
    const Wake result = wait();
    over = true;
    return result;
}

TEST(FutexWaitAny, returns_at_once_when_any_word_has_changed) {
    const std::atomic<std::uint32_t> first = 1, second = 2;
    EXPECT_EQ(futex_wait_any({{first, 0}, {second, 2}}, never), Wake::value_changed);
    EXPECT_EQ(futex_wait_any({{first, 1}, {second, 0}}, never), Wake::value_changed);
}

TEST(FutexWaitAny, is_woken_through_each_word) {
    const std::atomic<std::uint32_t> first = 1, second = 2;
    for (const auto* word : {&first, &second})
        EXPECT_EQ(Wake::woken, while_being_woken(*word, [&] {
                      return futex_wait_any({{first, 1}, {second, 2}}, never);
                  }));
}

TEST(FutexWaitAny, ends_at_its_deadline_and_not_before) {
    const std::atomic<std::uint32_t> first = 1, second = 2;
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(futex_wait_any({{first, 1}, {second, 2}}, never.sooner(20ms)), Wake::timed_out);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 20ms);
}

TEST(FutexWaitAny, says_that_a_signal_ended_it) {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGUSR1, &action, nullptr);
    const std::atomic<std::uint32_t> first = 1, second = 2;
    const pthread_t self = ::pthread_self();
    std::atomic<bool> over = false;
    std::jthread signaller([&] {
        while (!over) ::pthread_kill(self, SIGUSR1);
    });
    EXPECT_EQ(futex_wait_any({{first, 1}, {second, 2}}, never), Wake::interrupted);
    over = true;
}

class FutexWaitAnyWithoutTheCall : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Errors, FutexWaitAnyWithoutTheCall, testing::Values(ENOSYS, EPERM));

TEST_P(FutexWaitAnyWithoutTheCall, waits_for_the_first_word) {
    EXPECT_EQ(0, procession::test::in_child([] {
                  refuse_futex_waitv(static_cast<std::uint32_t>(GetParam()));
                  const std::atomic<std::uint32_t> first = 1, second = 2;
                  const bool woken = Wake::woken == while_being_woken(first, [&] {
                                         return futex_wait_any({{first, 1}, {second, 2}}, never);
                                     });
                  const bool timed_out =
                      futex_wait_any({{first, 1}, {second, 0}}, never.sooner(1ms)) == Wake::timed_out;
                  ::_exit(woken && timed_out ? 0 : 1);
              }));
}

}  // namespace
