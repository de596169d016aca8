// SPDX-License-Identifier: Apache-2.0

// What WorkerDied tells of the worker beside its pid, code and task, also to those to whom it is sent.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <cstddef>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>

#include "os/cgroup.hpp"
#include "support/expect.hpp"
#include "support/old_memory_group.hpp"
#include "support/own_stderr.hpp"
#include "support/start_methods.hpp"

namespace {

using namespace procession::test;

constexpr std::size_t mebibyte = std::size_t{1} << 20;

class PoolWorkerDied : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, PoolWorkerDied, all_start_methods(), name_of_parameter);

template <class Call>
mp::WorkerDied death_that_is_thrown(Call call) {
    try {
        static_cast<void>(call());
    } catch (const mp::WorkerDied& died) {
        return died;
    }
    ADD_FAILURE() << "nothing was thrown";
    return {"", 0, {}, ""};
}

void touch(std::size_t size) {
    const std::unique_ptr<char[]> memory(new char[size]);
    std::memset(memory.get(), 1, size);
    asm volatile("" : : "r"(memory.get()) : "memory");
}

int touch_complain_and_die(std::size_t size, int lines) {
    touch(size);
    for (int line = 1; line <= lines; ++line) std::fprintf(stderr, "line %d\n", line);
    return ::raise(SIGKILL);
}

TEST_P(PoolWorkerDied, knows_how_much_memory_there_was) {
    const mp::Pool pool(1);
    const auto died =
        death_that_is_thrown([&] { return pool.apply(touch_complain_and_die, 100 * mebibyte, 0); });
    EXPECT_GE(died.peak_resident, 100 * mebibyte);
    EXPECT_LT(died.peak_resident, 400 * mebibyte);
    EXPECT_FALSE(died.out_of_memory);
    EXPECT_EQ(died.last_stderr, "");
}

TEST_P(PoolWorkerDied, knows_what_was_written_to_stderr_last_and_passes_all_of_it_on) {
    const OwnStderr own;
    const mp::Pool pool(1);
    const auto died =
        death_that_is_thrown([&] { return pool.apply(touch_complain_and_die, std::size_t{1}, 1000); });
    std::string last, all;
    for (int line = 1; line <= 1000; ++line) {
        all += fmt::format("line {}\n", line);
        if (line > 990) last += fmt::format("{}line {}", last.empty() ? "" : "\n", line);
    }
    EXPECT_EQ(died.last_stderr, last);
    EXPECT_EQ(own.read(), all);
}

TEST_P(PoolWorkerDied, has_of_stderr_what_this_worker_wrote_only) {
    const OwnStderr own;
    const mp::Pool pool(1);
    static_cast<void>(
        death_that_is_thrown([&] { return pool.apply(touch_complain_and_die, std::size_t{1}, 3); }));
    const auto second =
        death_that_is_thrown([&] { return pool.apply(touch_complain_and_die, std::size_t{1}, 1); });
    EXPECT_EQ(second.last_stderr, "line 1");
    EXPECT_EQ(own.read(), "line 1\nline 2\nline 3\nline 1\n");
}

void fail() { throw std::runtime_error("what went wrong"); }
void break_noexcept() noexcept { fail(); }
TEST_P(PoolWorkerDied, has_the_last_words_of_one_that_terminates) {
    const OwnStderr own;
    const mp::Pool pool(1);
    const auto died = death_that_is_thrown([&] { return pool.apply_async(break_noexcept).get(), 0; });
    EXPECT_EQ(died.exitcode, -SIGABRT);
    EXPECT_NE(died.last_stderr.find("what went wrong"), std::string::npos) << died.last_stderr;
}

// ---------------------------------------------------------------- sent elsewhere

using Members =
    std::tuple<int, std::optional<int>, std::string, std::size_t, bool, std::string, std::string>;
Members members_of(const mp::WorkerDied& died) {
    return {died.pid,           died.exitcode,    died.task,  died.peak_resident,
            died.out_of_memory, died.last_stderr, died.what()};
}

int die_in_a_pool_of_its_own(mp::Queue<Members> seen) {
    const mp::Pool inner(1);
    try {
        return inner.apply(touch_complain_and_die, 100 * mebibyte, 2);
    } catch (const mp::WorkerDied& died) {
        seen.put(members_of(died));
        throw;
    }
}
TEST_P(PoolWorkerDied, goes_through_pools_with_all_its_members) {
    const OwnStderr own;
    const mp::Queue<Members> seen;
    const mp::Pool outer(1);
    const auto died = death_that_is_thrown([&] { return outer.apply(die_in_a_pool_of_its_own, seen); });
    EXPECT_EQ(members_of(died), seen.get());
    EXPECT_EQ(died.exitcode, -SIGKILL);
    EXPECT_GE(died.peak_resident, 100 * mebibyte);
    EXPECT_EQ(died.last_stderr, "line 1\nline 2");
    EXPECT_EQ(own.read(), "line 1\nline 2\n");
    EXPECT_EQ(outer.stats().died, 0U);
}

// ---------------------------------------------------------------- the kernel's doing

void join_and_touch(std::string folder, std::size_t size) {
    if (!procession::os::join_group(folder).empty()) mp::exit(2);
    touch(size);
}
TEST_P(PoolWorkerDied, knows_that_the_kernel_had_no_memory_left) {
    const OldMemoryGroup group(64 * mebibyte);
    if (!group.works()) GTEST_SKIP() << "no control group can be made at " << group.folder();
    const mp::Pool pool(1);
    const auto died = death_that_is_thrown(
        [&] { return pool.apply_async(join_and_touch, group.folder(), 200 * mebibyte).get(), 0; });
    EXPECT_EQ(died.exitcode, -SIGKILL);
    EXPECT_TRUE(died.out_of_memory);
    expect_parts(died.what(), {"SIGKILL", "join_and_touch", "the kernel was out of memory"});
    // Others are not taken for its victims.
    const auto other =
        death_that_is_thrown([&] { return pool.apply(touch_complain_and_die, std::size_t{1}, 0); });
    EXPECT_FALSE(other.out_of_memory);
}

}  // namespace
