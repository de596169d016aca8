// SPDX-License-Identifier: Apache-2.0
#include "os/futex.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <thread>

#include "support/expect.hpp"

namespace procession {
namespace {

using namespace std::chrono_literals;
using test::expect_parts;
using test::refused;

TEST(Futex, wait_returns_at_once_when_the_value_is_another) {
    const std::atomic<std::uint32_t> word = 1;
    EXPECT_EQ(os::futex_wait(word, 2, os::Deadline::never()), os::Wake::value_changed);
}

TEST(Futex, wait_ends_no_sooner_than_its_deadline) {
    const std::atomic<std::uint32_t> word = 1;
    const auto end = os::Deadline::Clock::now() + 50ms;
    EXPECT_EQ(os::futex_wait(word, 1, os::Deadline::at(end)), os::Wake::timed_out);
    EXPECT_GE(os::Deadline::Clock::now(), end);
}

TEST(Futex, wake_wakes_as_many_as_asked_for_and_counts_them) {
    const std::atomic<std::uint32_t> word = 1;
    EXPECT_EQ(os::futex_wake(word, 1), 0);
    std::atomic<int> woken = 0;
    std::array<std::thread, 3> sleepers;
    for (auto& each : sleepers)
        each = std::thread([&] {
            EXPECT_EQ(os::futex_wait(word, 1, os::Deadline::never()), os::Wake::woken);
            ++woken;
        });
    int counted = 0;
    while (counted < 1) counted += os::futex_wake(word, 1);
    while (counted < 3) counted += os::futex_wake(word, 3);
    for (auto& each : sleepers) each.join();
    EXPECT_EQ(counted, 3);
    EXPECT_EQ(woken, 3);
}

TEST(Futex, wakes_across_processes) {
    void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    auto& word = *new (page) std::atomic<std::uint32_t>(1);
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(os::futex_wait(word, 1, os::Deadline::never()) == os::Wake::woken ? 0 : 1);
    while (os::futex_wake(word, 1) == 0) {
    }
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
    ::munmap(page, 4096);
}

TEST(Futex, of_a_bad_address_is_an_error_that_names_the_call) {
    const auto& word = *reinterpret_cast<const std::atomic<std::uint32_t>*>(4096);
    expect_parts(refused(EFAULT, [&] { os::futex_wait(word, 1, os::Deadline::never()); }),
                 {"futex word: futex(FUTEX_WAIT_BITSET): EFAULT"});
}

}  // namespace
}  // namespace procession
