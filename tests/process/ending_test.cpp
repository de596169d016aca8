// SPDX-License-Identifier: Apache-2.0

// What is known of a process after its end, by every start method.

#include "process/ending.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <cstring>
#include <filesystem>
#include <memory>

#include "os/cgroup.hpp"
#include "process/state.hpp"
#include "support/folder.hpp"
#include "support/old_memory_group.hpp"
#include "support/start_methods.hpp"
#include "support/targets.hpp"

namespace {

using namespace procession::test;
using procession::detail::ending_of;
using procession::detail::internals_of;
using procession::detail::OutOfMemory;
namespace os = procession::os;

constexpr std::size_t mebibyte = std::size_t{1} << 20;

class Ending : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, Ending, all_start_methods(), name_of_parameter);

void touch(std::size_t size) {
    const std::unique_ptr<char[]> memory(new char[size]);
    std::memset(memory.get(), 1, size);
    asm volatile("" : : "r"(memory.get()) : "memory");
}
void touch_and_end_by(std::size_t size, int signal) {
    touch(size);
    if (signal) ::raise(signal);
}

TEST_P(Ending, tells_the_code_and_the_most_memory_that_there_was) {
    for (const int signal : {0, SIGKILL, SIGTERM}) {
        mp::Process process(touch_and_end_by, 200 * mebibyte, signal);
        process.start();
        process.join();
        const auto ending = ending_of(internals_of(process.handle()));
        EXPECT_EQ(ending.code, -signal);
        EXPECT_GE(ending.peak_rss, 200 * mebibyte);
    }
}

TEST_P(Ending, does_not_take_the_parents_memory_for_the_processs_own) {
    touch(300 * mebibyte);
    for (const int signal : {0, SIGKILL}) {
        mp::Process process(touch_and_end_by, mebibyte, signal);
        process.start();
        process.join();
        EXPECT_LT(ending_of(internals_of(process)).peak_rss, 250 * mebibyte) << signal;
    }
}

TEST_P(Ending, of_one_that_runs_is_none) {
    mp::Process process(wait_for_ever);
    EXPECT_FALSE(ending_of(internals_of(process)).code.has_value());
    process.start();
    EXPECT_FALSE(ending_of(internals_of(process)).code.has_value());
    process.kill();
    process.join();
    EXPECT_EQ(ending_of(internals_of(process)).code, -SIGKILL);
}

OutOfMemory verdict_on(int signal, std::optional<std::uint64_t> kills_before) {
    mp::Process process(touch_and_end_by, 0, signal);
    internals_of(process).oom_kills_before = kills_before;
    process.start();
    process.join();
    const auto ending = ending_of(internals_of(process));
    EXPECT_EQ(ending.code, -signal);
    EXPECT_EQ(ending_of(internals_of(process)).out_of_memory, ending.out_of_memory);
    return ending.out_of_memory;
}
TEST_P(Ending, claims_no_lack_of_memory_that_nobody_counted) {
    EXPECT_EQ(verdict_on(SIGKILL, std::nullopt), OutOfMemory::unknown);
    EXPECT_EQ(verdict_on(SIGTERM, std::nullopt), OutOfMemory::no);
    const auto kills = os::oom_kills();
    if (!kills) GTEST_SKIP() << "the kernel does not count its kills here";
    EXPECT_EQ(verdict_on(SIGKILL, kills), OutOfMemory::no);
    EXPECT_EQ(verdict_on(0, kills), OutOfMemory::no);
}

// ---------------------------------------------------------------- killed for lack of memory

void join_and_touch(std::string folder, std::size_t size) {
    if (!os::join_group(folder).empty()) mp::exit(2);
    touch(size);
}
TEST_P(Ending, suspects_lack_of_memory_where_the_kernel_killed_somebody_for_it) {
    const OldMemoryGroup group(64 * mebibyte);
    if (!group.works()) GTEST_SKIP() << "no control group can be made at " << group.folder();
    mp::Process process(join_and_touch, group.folder(), 200 * mebibyte);
    internals_of(process).oom_kills_before = os::oom_kills();
    mp::Process other(wait_for_ever);
    internals_of(other).oom_kills_before = os::oom_kills();
    process.start();
    other.start();
    process.join();
    EXPECT_EQ(process.exitcode(), -SIGKILL);
    EXPECT_EQ(ending_of(internals_of(process)).out_of_memory, OutOfMemory::likely);
    // One kill does not explain two deaths.
    other.kill();
    other.join();
    EXPECT_EQ(ending_of(internals_of(other)).out_of_memory, OutOfMemory::no);
}

TEST_P(Ending, believes_what_the_processs_own_group_says) {
    const Folder groups;
    groups.write("cgroup.subtree_control", "memory");
    auto made = os::MemoryGroup::make(1, {.folder = groups.path(), .top = groups.path()});
    ASSERT_TRUE(made.group) << made.trouble;
    const auto group = std::make_shared<os::MemoryGroup>(std::move(*made.group));
    const std::string folder = group->folder().substr(groups.path().size() + 1);
    for (const auto& [kills, verdict] : {std::pair("0", OutOfMemory::no), {"1", OutOfMemory::yes}}) {
        groups.write(folder + "/memory.events", std::string("oom_kill ") + kills);
        mp::Process process(touch_and_end_by, 0, SIGKILL);
        internals_of(process).memory_group = group;
        process.start();
        process.join();
        EXPECT_EQ(ending_of(internals_of(process)).out_of_memory, verdict);
    }
    EXPECT_EQ(groups.read(folder + "/cgroup.procs"), "0");  // which the kernel takes for the writer
}

TEST_P(Ending, is_not_hastened_by_a_group_that_is_gone) {
    const Folder groups;
    groups.write("cgroup.subtree_control", "memory");
    auto made = os::MemoryGroup::make(1, {.folder = groups.path(), .top = groups.path()});
    ASSERT_TRUE(made.group) << made.trouble;
    std::filesystem::remove_all(made.group->folder());
    mp::Process process(exit_with, 3);
    internals_of(process).memory_group = std::make_shared<os::MemoryGroup>(std::move(*made.group));
    process.start();
    process.join();
    EXPECT_EQ(ending_of(internals_of(process)).code, 3);
}

TEST_P(Ending, knows_of_lack_of_memory_in_a_group_of_its_own) {
    auto made = os::MemoryGroup::make(64 * mebibyte);
    if (!made.group) GTEST_SKIP() << made.trouble;
    const auto group = std::make_shared<os::MemoryGroup>(std::move(*made.group));
    mp::Process modest(touch_and_end_by, 10 * mebibyte, SIGKILL);
    internals_of(modest).memory_group = group;
    modest.start();
    modest.join();
    EXPECT_EQ(ending_of(internals_of(modest)).out_of_memory, OutOfMemory::no);
    mp::Process greedy(touch_and_end_by, 200 * mebibyte, 0);
    internals_of(greedy).memory_group = group;
    greedy.start();
    greedy.join();
    EXPECT_EQ(greedy.exitcode(), -SIGKILL);
    EXPECT_EQ(ending_of(internals_of(greedy)).out_of_memory, OutOfMemory::yes);
    EXPECT_TRUE(group->remove());
}

}  // namespace
