// SPDX-License-Identifier: Apache-2.0
#include "os/cgroup.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "os/process_life.hpp"
#include "support/child.hpp"
#include "support/expect.hpp"
#include "support/folder.hpp"

namespace procession {
namespace {

using os::MemoryGroup;
using os::OwnGroup;
using test::expect_parts;

/// Folders that look like control groups; what the kernel does by itself there, they do not.
struct FakeGroups : test::Folder {
    OwnGroup own(const std::string& name) const { return {.folder = path() + name, .top = path()}; }
};

TEST(OwnGroup, is_found_below_the_mount) {
    const test::Folder proc;
    proc.write("cgroup", "4:memory:/old\n0::/user.slice/app");
    proc.write("mountinfo",
               "30 24 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
               "31 24 0:27 / /sys/fs/c\\040group rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate");
    const OwnGroup group = os::own_group(proc.path());
    EXPECT_EQ(group.folder, "/sys/fs/c group/user.slice/app");
    EXPECT_EQ(group.top, "/sys/fs/c group");
    EXPECT_EQ(group.trouble, "");
}

TEST(OwnGroup, is_found_where_a_part_of_the_tree_is_mounted) {
    const test::Folder proc;
    proc.write("cgroup", "0::/box/7/worker");
    proc.write("mountinfo", "31 24 0:27 /box/7 /sys/fs/cgroup rw - cgroup2 cgroup2 rw");
    EXPECT_EQ(os::own_group(proc.path()).folder, "/sys/fs/cgroup/worker");
    proc.write("cgroup", "0::/");
    proc.write("mountinfo", "31 24 0:27 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw");
    EXPECT_EQ(os::own_group(proc.path()).folder, "/sys/fs/cgroup");
}

TEST(OwnGroup, that_is_not_there_says_why) {
    const test::Folder proc;
    EXPECT_EQ(os::own_group(proc.path()).trouble, "this process is in no control group of version 2");
    proc.write("cgroup", "0::/elsewhere");
    EXPECT_EQ(os::own_group(proc.path()).trouble,
              "no file system of control groups version 2 is mounted");
    proc.write("mountinfo", "31 24 0:27 /box /sys/fs/cgroup rw - cgroup2 cgroup2 rw");
    expect_parts(os::own_group(proc.path()).trouble, {"/elsewhere", "not mounted at /sys/fs/cgroup"});
    EXPECT_TRUE(os::own_group(proc.path()).folder.empty());
    proc.write("cgroup", "0::/boxer");
    expect_parts(os::own_group(proc.path()).trouble, {"/boxer", "not mounted"});
}

TEST(MemoryGroup, has_its_limit_and_its_process) {
    const FakeGroups groups;
    groups.write("app/cgroup.controllers", "cpu memory pids");
    groups.write("app/cgroup.subtree_control", "");
    const auto made = MemoryGroup::make(12345, groups.own("/app"));
    ASSERT_TRUE(made.group) << made.trouble;
    EXPECT_EQ(made.trouble, "");
    const std::string folder = made.group->folder().substr(groups.path().size() + 1);
    EXPECT_EQ(folder.find("app/procession-"), 0u);
    EXPECT_EQ(groups.read(folder + "/memory.max"), "12345");
    EXPECT_EQ(groups.read(folder + "/memory.oom.group"), "1");
    EXPECT_EQ(groups.read("app/cgroup.subtree_control").substr(0, 7), "+memory");
    EXPECT_EQ(os::join_group(made.group->folder()), "");
    EXPECT_EQ(groups.read(folder + "/cgroup.procs"), "0");
    EXPECT_FALSE(made.group->oom_kills());
    groups.write(folder + "/memory.events", "low 0\nhigh 1\nmax 7\noom 3\noom_kill 2\noom_group_kill 1");
    EXPECT_EQ(made.group->oom_kills(), 2u);
}

TEST(MemoryGroup, lies_beside_this_processs_own_where_that_is_a_leaf_of_what_was_delegated) {
    const FakeGroups groups;
    groups.write("app/cgroup.subtree_control", "memory");
    groups.write("app/main/cgroup.controllers", "cpu");
    const auto made = MemoryGroup::make(1, groups.own("/app/main"));
    ASSERT_TRUE(made.group) << made.trouble;
    EXPECT_EQ(made.group->folder().find(groups.path() + "/app/procession-"), 0u);
}

TEST(MemoryGroup, that_cannot_be_says_why_and_leaves_nothing) {
    const FakeGroups groups;
    groups.write("cgroup.controllers", "cpu pids");
    auto made = MemoryGroup::make(1, groups.own(""));
    EXPECT_FALSE(made.group);
    EXPECT_EQ(made.trouble, groups.path() + ": the memory controller is not delegated to it");

    made = MemoryGroup::make(1, {.trouble = "there is none"});
    EXPECT_EQ(made.trouble, "there is none");
    made = MemoryGroup::make(1, {.folder = "/proc/self", .top = "/proc/self"});
    expect_parts(made.trouble, {"/proc/self: the memory controller"});
    expect_parts(os::join_group(groups.path() + "/gone"), {"/gone/cgroup.procs: open: ENOENT"});
}

TEST(MemoryGroup, is_removed_with_its_object) {
    const FakeGroups groups;
    groups.write("cgroup.subtree_control", "memory");
    std::string folder;
    {
        auto made = MemoryGroup::make(1, groups.own(""));
        ASSERT_TRUE(made.group);
        folder = made.group->folder();
        EXPECT_FALSE(made.group->remove());  // it is not empty, as one that has processes
        for (const char* name : {"/memory.max", "/memory.oom.group"})
            std::filesystem::remove(folder + name);
        EXPECT_TRUE(std::filesystem::exists(folder));
    }
    EXPECT_FALSE(std::filesystem::exists(folder));
}

TEST(MemoryGroup, of_a_dead_program_is_removed_by_the_next) {
    const FakeGroups groups;
    groups.write("cgroup.subtree_control", "memory");
    const pid_t dead = test::fork_to([] {});
    test::end_of(dead);
    const auto space = os::pid_namespace();
    const auto me = os::own_life();
    const std::string of_dead = fmt::format("{}/procession-{}-{}-1-0", groups.path(), space, dead),
                      of_living = fmt::format("{}/procession-{}-{}-{}-1000", groups.path(), space,
                                              me.pid, me.start_time),
                      of_others = fmt::format("{}/procession-{}-{}-1-0", groups.path(), space + 1, dead);
    for (const auto& folder : {of_dead, of_living, of_others}) ::mkdir(folder.c_str(), 0755);
    EXPECT_TRUE(MemoryGroup::make(1, groups.own("")).group);
    EXPECT_FALSE(std::filesystem::exists(of_dead));
    EXPECT_TRUE(std::filesystem::exists(of_living));
    EXPECT_TRUE(std::filesystem::exists(of_others));
}

TEST(OomKills, are_those_of_this_processs_group_or_else_of_the_machine) {
    const FakeGroups groups;
    groups.write("vmstat", "nr_free_pages 12\noom_kill 9");
    groups.write("app/memory.events", "oom 1\noom_kill 4");
    EXPECT_EQ(os::oom_kills(groups.own("/app"), groups.path() + "/vmstat"), 4u);
    EXPECT_EQ(os::oom_kills(groups.own("/other"), groups.path() + "/vmstat"), 9u);
    EXPECT_EQ(os::oom_kills({}, groups.path() + "/vmstat"), 9u);
    EXPECT_FALSE(os::oom_kills({}, "/no such file"));
}

}  // namespace
}  // namespace procession
