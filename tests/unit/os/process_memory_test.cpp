// SPDX-License-Identifier: Apache-2.0
#include "os/process_memory.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>

#include <cstring>

#include "support/child.hpp"

namespace procession {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

void* touched(std::size_t size, int kind) {
    void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS, -1, 0);
    std::memset(memory, 1, size);
    return memory;
}

TEST(ProcessMemory, is_what_another_process_has_now_and_had_at_most) {
    const test::Event ready;
    const pid_t child = test::child_that_stays(ready, [] {
        touched(20 * mebibyte, MAP_PRIVATE);
        touched(20 * mebibyte, MAP_SHARED);
        ::munmap(touched(40 * mebibyte, MAP_PRIVATE), 40 * mebibyte);
    });
    const auto memory = os::memory_of(child);
    const auto peak = os::peak_resident_of(child);
    ASSERT_TRUE(memory && peak);
    EXPECT_GE(memory->resident, 39 * mebibyte);
    EXPECT_GE(memory->shared, 19 * mebibyte);
    EXPECT_GE(memory->own(), 19 * mebibyte);
    EXPECT_LE(memory->own(), memory->resident - 19 * mebibyte);
    EXPECT_GE(*peak, memory->resident + 30 * mebibyte);
    ::kill(child, SIGKILL);
    EXPECT_EQ(test::end_of(child), -SIGKILL);
    EXPECT_FALSE(os::memory_of(child));
    EXPECT_FALSE(os::peak_resident_of(child));
}

TEST(ProcessMemory, of_a_process_that_has_ended_is_nothing) {
    const pid_t child = test::fork_to([] {});
    siginfo_t info;
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT), 0);
    const auto memory = os::memory_of(child);
    ASSERT_TRUE(memory);
    EXPECT_EQ(memory->resident, 0u);
    EXPECT_FALSE(os::peak_resident_of(child));
    test::end_of(child);
}

}  // namespace
}  // namespace procession
