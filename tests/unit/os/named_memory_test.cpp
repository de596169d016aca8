// SPDX-License-Identifier: Apache-2.0
#include "os/named_memory.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <set>

#include "support/block.hpp"
#include "support/expect.hpp"

namespace procession::os {
namespace {

using test::block_name;
using test::refused;

void publish(const std::string& name, std::uint64_t size = 8) {
    ASSERT_TRUE(publish_block("block", make_block("block", size), name));
}

TEST(NamedMemory, has_no_name_before_it_is_published) {
    {
        const Descriptor block = make_block("block", 8);
        EXPECT_FALSE(block_exists(block_name()));
        EXPECT_TRUE(publish_block("block", block, block_name()));
        EXPECT_EQ(block_info("block", block).size, 8u);
        EXPECT_EQ(block_info("block", open_block("block", block_name())).inode,
                  block_info("block", block).inode);
    }
    EXPECT_TRUE(block_exists(block_name()));
    EXPECT_FALSE(publish_block("block", make_block("block", 8), block_name())) << "it is taken";
    unlink_blocks(block_name(), [](std::string_view) { return true; });
    EXPECT_FALSE(block_exists(block_name()));
}
TEST(NamedMemory, that_is_published_under_no_file_name_says_why) {
    const Descriptor block = make_block("block", 8);
    test::expect_parts(
        refused(ENAMETOOLONG, [&] { publish_block("block", block, std::string(256, 'x')); }),
        {"block", "linkat"});
}
TEST(NamedMemory, is_unlinked_once_and_only_if_it_is_still_that_block) {
    publish(block_name());
    const std::uint64_t inode = block_info("block", open_block("block", block_name())).inode;
    refused(ENOENT, [&] { unlink_block("block", block_name(), inode + 1); });
    EXPECT_TRUE(block_exists(block_name()));
    unlink_block("block", block_name(), inode);
    EXPECT_FALSE(block_exists(block_name()));
    refused(ENOENT, [&] { unlink_block("block", block_name(), inode); });
    refused(ENOENT, [&] { open_block("block", block_name()); });
}
TEST(NamedMemory, is_swept_where_the_prefix_and_the_judge_agree) {
    for (int i = 0; i < 4; ++i) publish(block_name(i));
    std::set<std::string> asked;
    unlink_blocks(block_name(), [&](std::string_view name) {
        asked.emplace(name);
        return name == block_name(2);
    });
    EXPECT_EQ(asked, std::set{block_name(0)}) << "others have another prefix";
    unlink_blocks(block_name().substr(0, block_name().size() - 1),
                  [](std::string_view name) { return name != block_name(2); });
    for (int i = 0; i < 4; ++i) EXPECT_EQ(block_exists(block_name(i)), i == 2) << i;
    unlink_blocks(block_name(2), [](std::string_view) { return true; });
}
TEST(NamedMemory, of_another_user_is_not_swept) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can make another user's block";
    publish(block_name());
    ASSERT_EQ(::chown(test::path_of_block(block_name()).c_str(), 65534, 65534), 0);
    unlink_blocks(block_name(), [](std::string_view) { return true; });
    EXPECT_TRUE(block_exists(block_name()));
    std::filesystem::remove(test::path_of_block(block_name()));
}
TEST(NamedMemory, is_reserved_however_many_signals_come) {
    struct sigaction action {
    }, before{};
    action.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &action, &before);
    const itimerval every{{0, 200}, {0, 200}}, never{};
    ::setitimer(ITIMER_REAL, &every, nullptr);
    const Descriptor block = make_block("block", 200 << 20);
    ::setitimer(ITIMER_REAL, &never, nullptr);
    ::sigaction(SIGALRM, &before, nullptr);
    struct stat info {};
    ASSERT_EQ(::fstat(block.get(), &info), 0);
    EXPECT_EQ(info.st_blocks * 512, 200 << 20);
}

}  // namespace
}  // namespace procession::os
