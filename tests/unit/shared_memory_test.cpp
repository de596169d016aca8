// SPDX-License-Identifier: Apache-2.0
#include <procession/shared_memory.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <cstring>
#include <sstream>
#include <thread>

#include "memory/block.hpp"
#include "support/block.hpp"
#include "support/child.hpp"
#include "support/expect.hpp"

namespace {

using namespace procession::test;

bool all_zero(std::span<const std::byte> bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::byte each) { return each == std::byte(0); });
}

// conformance: shared_memory.basics
TEST(SharedMemory, of_a_name_is_shared_by_all_who_open_it) {
    const ScopedBlock made(mp::create, 512, block_name());
    EXPECT_EQ(made.name(), block_name());
    EXPECT_EQ(made.size(), 512u);
    ASSERT_EQ(made.buf().size(), 512u);
    EXPECT_TRUE(all_zero(made.buf()));
    made.buf()[0] = std::byte(42);
    const mp::SharedMemory attached(block_name());
    EXPECT_EQ(attached.size(), 512u);
    EXPECT_EQ(attached.buf()[0], std::byte(42));
    attached.buf()[511] = std::byte(7);
    EXPECT_EQ(made.buf()[511], std::byte(7));
    EXPECT_NE(attached.buf().data(), made.buf().data()) << "each has a mapping of its own";
    EXPECT_NE(attached, static_cast<const mp::SharedMemory&>(made));

    attached.close();
    EXPECT_EQ(made.buf()[0], std::byte(42));
    made.unlink();
    expect_parts(refused(ENOENT, [&] { made.unlink(); }), {block_name().c_str(), "unlinked before"});
    expect_parts(refused(ENOENT, [&] { mp::SharedMemory{block_name()}; }), {block_name().c_str()});
    EXPECT_EQ(made.buf()[511], std::byte(7)) << "who has it mapped keeps it";
}

TEST(SharedMemory, whose_name_is_taken_is_not_made) {
    const ScopedBlock made(mp::create, 64, block_name());
    made.buf()[0] = std::byte(1);
    const std::string message = refused(EEXIST, [] { mp::SharedMemory(mp::create, 128, block_name()); });
    expect_parts(message, {block_name().c_str(), "128 bytes", "another name"});
    EXPECT_EQ(mp::SharedMemory(block_name()).size(), 64u);
    EXPECT_EQ(made.buf()[0], std::byte(1));
}

TEST(SharedMemory, is_its_owners_alone) {
    const ScopedBlock made(mp::create, 1, block_name());
    struct stat info {};
    ASSERT_EQ(::stat(path_of_block(made.name()).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600u);
    EXPECT_EQ(info.st_size, 1);
}

// conformance: shared_memory.invalid_size
TEST(SharedMemory, of_no_size_or_a_negative_one_is_a_ValueError) {
    EXPECT_THROW(mp::SharedMemory(mp::create, 0), mp::ValueError);
    EXPECT_THROW(mp::SharedMemory(mp::create, 0, block_name()), mp::ValueError);
    EXPECT_THROW(mp::SharedMemory(mp::create, static_cast<std::size_t>(-1)), mp::ValueError);
    EXPECT_FALSE(block_exists(block_name()));
}

// conformance: shared_memory.embedded_nul
TEST(SharedMemory, whose_name_is_no_name_is_a_ValueError) {
    using namespace std::string_literals;
    for (const std::string& name : {"procession\0test"s, "a/b"s, "//a"s, "/"s, "."s, ".."s, "/.."s,
                                    std::string(255, 'x'), std::string(499, 'x')}) {
        EXPECT_THROW(mp::SharedMemory{name}, mp::ValueError) << name;
        EXPECT_THROW(mp::SharedMemory(mp::create, 1, name), mp::ValueError) << name;
        EXPECT_THROW(mp::ShareableList{name}, mp::ValueError) << name;
    }
    EXPECT_THROW(mp::SharedMemory{""s}, mp::ValueError);
}
// conformance: resource_tracker.name_too_long
TEST(SharedMemory, has_a_name_as_long_as_a_file_may_have) {
    std::string name = block_name() + "-";
    name.resize(254, 'x');
    const ScopedBlock made(mp::create, 1, name);
    EXPECT_EQ(made.name(), name);
    EXPECT_EQ(mp::SharedMemory(name).size(), 1u);
    try {
        mp::SharedMemory(mp::create, 1, name + "x");
        FAIL();
    } catch (const mp::ValueError& error) {
        expect_parts(error.what(), {"255 bytes", "254"});
    }
}

TEST(SharedMemory, has_a_name_without_the_slash_that_was_given) {
    const ScopedBlock made(mp::create, 1, "/" + block_name());
    EXPECT_EQ(made.name(), block_name());
    EXPECT_EQ(mp::SharedMemory("/" + block_name()).name(), block_name());
}

TEST(SharedMemory, without_a_name_gets_one_that_nobody_has) {
    const auto before = blocks_with(part_of_unnamed(::getpid())).size();
    const ScopedBlock one(mp::create, 1), other(mp::create, 1);
    EXPECT_NE(one.name(), other.name());
    EXPECT_TRUE(one.name().starts_with("procession_")) << one.name();
    EXPECT_TRUE(block_exists(one.name()));
    EXPECT_EQ(blocks_with(part_of_unnamed(::getpid())).size(), before + 2);
}

// conformance: shared_memory.generated_name_clash
TEST(SharedMemory, goes_on_to_the_next_name_where_the_generated_one_is_taken) {
    namespace detail = procession::detail;
    const ScopedBlock taken(mp::create, 1, block_name(0));
    const auto file = procession::os::make_block("block", 8);
    int asked = 0;
    EXPECT_EQ(detail::publish_generated(file, [&] { return block_name(asked++ / 2); }), block_name(1));
    EXPECT_EQ(asked, 3);
    const ScopedBlock next(block_name(1));
    EXPECT_EQ(next.size(), 8u);
    EXPECT_EQ(taken.size(), 1u);
}

TEST(SharedMemory, copies_are_one_object) {
    const ScopedBlock made(mp::create, 16, block_name());
    mp::SharedMemory copy = made;
    EXPECT_EQ(copy.buf().data(), made.buf().data());
    const mp::SharedMemory moved = std::move(copy);
    EXPECT_EQ(copy.buf().data(), made.buf().data()) << "also one that was moved from";
    EXPECT_EQ(moved, copy);
    moved.close();
    EXPECT_THROW(static_cast<void>(made.buf()), mp::ValueError);
    moved.close();
    EXPECT_EQ(made.size(), 16u);
    EXPECT_EQ(made.name(), block_name());
    made.unlink();
}

TEST(SharedMemory, that_is_closed_says_so) {
    const ScopedBlock made(mp::create, 16, block_name());
    made.close();
    try {
        static_cast<void>(made.buf());
        FAIL();
    } catch (const mp::ValueError& error) {
        expect_parts(error.what(), {"SharedMemory", block_name().c_str(), "buf", "closed"});
    }
}

TEST(SharedMemory, stays_when_its_handles_go) {
    { const mp::SharedMemory made(mp::create, 16, block_name()); }
    const ScopedBlock attached(block_name());
    EXPECT_EQ(attached.size(), 16u);
}

// By the inode: the creator's own mapping has no name there.
std::size_t mappings_of(ino_t inode) {
    std::ifstream maps("/proc/self/maps");
    std::size_t count = 0;
    std::string range, mode, offset, device;
    for (ino_t number = 0; maps >> range >> mode >> offset >> device >> number;) {
        count += number == inode;
        std::getline(maps, range);
    }
    return count;
}
TEST(SharedMemory, is_mapped_once_and_as_long_as_there_is_a_copy) {
    mp::Queue<mp::SharedMemory> queue;
    struct stat info {};
    {
        const ScopedBlock made(mp::create, 16, block_name());
        ASSERT_EQ(::stat(path_of_block(made.name()).c_str(), &info), 0);
        {
            queue.put(made);
            const mp::SharedMemory copy = made, received = queue.get();
            EXPECT_EQ(received.buf().data(), made.buf().data());
            EXPECT_EQ(mappings_of(info.st_ino), 1u);
        }
        EXPECT_EQ(mappings_of(info.st_ino), 1u);
    }
    EXPECT_EQ(mappings_of(info.st_ino), 0u);
}

// conformance: shared_memory.serialize
TEST(SharedMemory, is_the_same_memory_when_it_was_sent) {
    mp::Queue<mp::SharedMemory> queue;
    const ScopedBlock made(mp::create, 16, block_name());
    queue.put(made);
    const mp::SharedMemory received = queue.get();
    EXPECT_EQ(received.name(), made.name());
    EXPECT_EQ(received.size(), made.size());
    received.buf()[0] = std::byte(1);
    EXPECT_EQ(made.buf()[0], std::byte(1));
    made.buf()[1] = std::byte(2);
    EXPECT_EQ(received.buf()[1], std::byte(2));
}
TEST(SharedMemory, is_open_again_in_a_copy_that_comes_after_close) {
    mp::Queue<mp::SharedMemory> queue;
    const ScopedBlock made(mp::create, 16, block_name());
    made.buf()[0] = std::byte(1);
    queue.put(made);
    made.close();
    const mp::SharedMemory received = queue.get();
    EXPECT_EQ(received.buf()[0], std::byte(1));
    EXPECT_THROW(static_cast<void>(made.buf()), mp::ValueError);
}
// conformance: shared_memory.serialize_dead
TEST(SharedMemory, that_was_unlinked_before_it_is_received_is_not_found) {
    mp::Queue<mp::SharedMemory> queue;
    const ScopedBlock made(mp::create, 16, block_name());
    queue.put(made);
    made.close();
    made.unlink();
    expect_parts(refused(ENOENT, [&] { static_cast<void>(queue.get()); }), {block_name().c_str()});
}
TEST(SharedMemory, of_a_name_that_is_anothers_by_now_is_not_found) {
    mp::Queue<mp::SharedMemory> queue;
    const ScopedBlock made(mp::create, 16, block_name());
    queue.put(made);
    made.close();
    made.unlink();
    const ScopedBlock another(mp::create, 16, block_name());
    expect_parts(refused(ENOENT, [&] { static_cast<void>(queue.get()); }), {"another block"});
    expect_parts(refused(ENOENT, [&] { made.unlink(); }), {"another block"});
    EXPECT_TRUE(block_exists(block_name()));
}
TEST(SharedMemory, of_another_type_of_handle_is_a_TypeMismatch) {
    const mp::Queue<int> queue;
    EXPECT_THROW(mp::SharedMemory{static_cast<const procession::detail::Handle&>(queue)},
                 mp::TypeMismatch);
}

TEST(SharedMemory, may_be_none_until_it_is_assigned) {
    mp::SharedMemory block;
    EXPECT_THROW(static_cast<void>(block.buf()), mp::StateError);
    EXPECT_THROW(static_cast<void>(block.size()), mp::StateError);
    EXPECT_THROW(static_cast<void>(block.name()), mp::StateError);
    EXPECT_THROW(block.close(), mp::StateError);
    EXPECT_THROW(block.unlink(), mp::StateError);
    mp::ShareableList list;
    EXPECT_THROW(static_cast<void>(list.size()), mp::StateError);
    EXPECT_THROW(static_cast<void>(list[0]), mp::StateError);
    EXPECT_THROW(static_cast<void>(list.shm().buf()), mp::StateError);
    const ScopedBlock made(mp::create, 16, block_name());
    block = made;
    EXPECT_EQ(block.buf().data(), made.buf().data());
    mp::Queue<std::vector<mp::SharedMemory>> queue;
    queue.put({block, made});
    EXPECT_EQ(queue.get().at(1).name(), made.name());
}

TEST(SharedMemory, that_is_empty_is_a_ValueError) {
    const RawBlock empty(block_name(), "");
    EXPECT_THROW(mp::SharedMemory{block_name()}, mp::ValueError);
    EXPECT_THROW(mp::ShareableList{block_name()}, mp::ValueError);
}
TEST(SharedMemory, that_was_cut_short_is_opened_as_it_is) {
    const ScopedBlock made(mp::create, 3 * 4096, block_name());
    mp::Queue<mp::SharedMemory> queue;
    queue.put(made);
    made.close();
    std::filesystem::resize_file(path_of_block(block_name()), 100);
    EXPECT_EQ(mp::SharedMemory(block_name()).size(), 100u);
    const mp::SharedMemory received = queue.get();
    EXPECT_EQ(received.size(), 100u);
    EXPECT_TRUE(all_zero(received.buf()));
}
TEST(SharedMemory, is_no_folder_link_or_pipe) {
    const auto path = path_of_block(block_name());
    const auto attach = [] { mp::SharedMemory{block_name()}; };
    std::filesystem::create_directory(path);
    refused(EINVAL, attach);  // which glibc makes of EISDIR
    std::filesystem::remove(path);
    std::filesystem::create_symlink("/etc/passwd", path);
    refused(ELOOP, attach);
    refused(EEXIST, [] { mp::SharedMemory(mp::create, 1, block_name()); });
    std::filesystem::remove(path);
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    EXPECT_THROW(attach(), mp::ValueError);
    std::filesystem::remove(path);
}

TEST(SharedMemory, that_dev_shm_has_no_room_for_is_an_error_and_leaves_nothing) {
    struct statvfs info {};
    ASSERT_EQ(::statvfs("/dev/shm", &info), 0);
    if (info.f_blocks == 0) GTEST_SKIP() << "/dev/shm has no limit here";
    const std::size_t too_much = info.f_blocks * info.f_frsize + 1;
    const std::string message =
        refused(ENOSPC, [&] { mp::SharedMemory(mp::create, too_much, block_name()); });
    expect_in_order(message, {block_name(), std::to_string(too_much), "fallocate", "ENOSPC",
                              "bytes free", "enlarge"});
    EXPECT_FALSE(block_exists(block_name()));
}
TEST(SharedMemory, has_its_memory_reserved) {
    const ScopedBlock made(mp::create, 10 * 4096, block_name());
    struct stat info {};
    ASSERT_EQ(::stat(path_of_block(made.name()).c_str(), &info), 0);
    EXPECT_EQ(info.st_blocks * 512, 10 * 4096);
}
TEST(SharedMemory, that_cannot_be_mapped_is_an_error_and_leaves_nothing) {
    EXPECT_EQ(in_child([] {
                  std::size_t pages = 0;
                  std::ifstream("/proc/self/statm") >> pages;
                  const rlimit limit{pages * 4096 + (64 << 20), RLIM_INFINITY};
                  ::setrlimit(RLIMIT_AS, &limit);
                  const std::string message = refused(
                      ENOMEM, [] { mp::SharedMemory(mp::create, 65 << 20, "procession-test-0-0"); });
                  if (message.find("RLIMIT_AS") == message.npos || block_exists("procession-test-0-0"))
                      ::_exit(1);
              }),
              0);
}

TEST(SharedMemory, is_one_for_threads_that_receive_and_drop_it) {
    mp::Queue<mp::SharedMemory> queue;
    const ScopedBlock made(mp::create, 8, block_name());
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            for (int j = 0; j < 200; ++j) {
                queue.put(made);
                const mp::SharedMemory received = queue.get();
                if (j % 50 == 0) received.close();
            }
        });
    for (std::thread& each : threads) each.join();
    queue.put(made);
    EXPECT_EQ(queue.get().size(), 8u);
}

TEST(SharedMemory, prints_as_in_python) {
    const ScopedBlock made(mp::create, 16, block_name());
    const std::string expected = "SharedMemory('" + block_name() + "', size=16)";
    EXPECT_EQ(fmt::format("{}", static_cast<const mp::SharedMemory&>(made)), expected);
    std::ostringstream out;
    out << made;
    EXPECT_EQ(out.str(), expected);
}

mp::SharedMemory unnamed_global(mp::create, 24);
TEST(SharedMemory, may_be_a_global) {
    EXPECT_EQ(unnamed_global.size(), 24u);
    EXPECT_TRUE(all_zero(unnamed_global.buf()));
}

// conformance: shared_memory.manager_basics
TEST(SharedMemoryManager, keeps_blocks_and_lists_until_shutdown) {
    std::string block_name, list_name;
    mp::SharedMemoryManager manager;
    EXPECT_THROW(manager.SharedMemory(32), mp::ValueError);
    EXPECT_THROW(manager.ShareableList({1}), mp::ValueError);
    manager.start();
    const mp::SharedMemory block = manager.SharedMemory(32);
    const mp::ShareableList list = manager.ShareableList({0, 1, 2, 3, 4});
    block_name = block.name();
    list_name = list.shm().name();
    EXPECT_EQ(mp::SharedMemory(block_name).size(), 32u);
    EXPECT_EQ(mp::ShareableList(list_name).size(), 5u);
    manager.shutdown();
    refused(ENOENT, [&] { mp::SharedMemory{block_name}; });
    refused(ENOENT, [&] { mp::ShareableList{list_name}; });
    EXPECT_EQ(block.buf().size(), 32u) << "the mapping stays";
    EXPECT_EQ(list[4], 4);
    EXPECT_THROW(manager.SharedMemory(32), mp::ValueError);
    manager.shutdown();
}
TEST(SharedMemoryManager, shuts_down_at_the_end_of_its_scope) {
    std::string name;
    {
        mp::SharedMemoryManager manager;
        manager.start();
        EXPECT_THROW(manager.start(), mp::StateError);
        const mp::ShareableList list = manager.ShareableList(std::vector<int>{1, 2, 3});
        name = list.shm().name();
        EXPECT_TRUE(block_exists(name));
    }
    EXPECT_FALSE(block_exists(name));
}
TEST(SharedMemoryManager, does_not_mind_what_the_program_has_unlinked_itself) {
    mp::SharedMemoryManager manager;
    manager.start();
    const mp::SharedMemory first = manager.SharedMemory(8), second = manager.SharedMemory(8);
    first.unlink();
    manager.shutdown();
    EXPECT_FALSE(block_exists(second.name()));
}
TEST(SharedMemoryManager, is_its_creators_also_after_a_fork) {
    mp::SharedMemoryManager manager;
    manager.start();
    const mp::SharedMemory block = manager.SharedMemory(8);
    ASSERT_EQ(in_child([&] { manager.~SharedMemoryManager(); }), 0);
    EXPECT_TRUE(block_exists(block.name()));
}
volatile sig_atomic_t interrupts = 0;
// conformance: shared_memory.manager_ignores_sigint
TEST(SharedMemoryManager, leaves_the_programs_signals_alone) {
    struct sigaction action {
    }, before{}, after{};
    action.sa_handler = [](int) { interrupts = interrupts + 1; };
    ::sigaction(SIGINT, &action, &before);
    mp::SharedMemoryManager manager;
    manager.start();
    const mp::ShareableList first = manager.ShareableList({1});
    ::raise(SIGINT);
    EXPECT_EQ(interrupts, 1);
    EXPECT_EQ(manager.ShareableList({1, 2}).size(), 2u);
    ::sigaction(SIGINT, &before, &after);
    EXPECT_EQ(after.sa_handler, action.sa_handler);
}

}  // namespace
