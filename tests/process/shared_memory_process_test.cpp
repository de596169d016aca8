// SPDX-License-Identifier: Apache-2.0

// Named memory in processes of the library, started by each method.

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <cstring>

#include "support/block.hpp"
#include "support/expect.hpp"
#include "support/program.hpp"
#include "support/start_methods.hpp"
#include "support/targets.hpp"

namespace {

using namespace procession::test;

mp::SharedMemory unnamed_global(mp::create, 64);
mp::ShareableList list_global(mp::create, {"of the parent", 1});

class NamedMemory : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, NamedMemory, all_start_methods(), name_of_parameter);

void write_text(const mp::SharedMemory& block, std::string_view text) {
    std::memcpy(block.buf().data(), text.data(), text.size());
}
std::string read_text(const mp::SharedMemory& block, std::size_t size) {
    return {reinterpret_cast<const char*>(block.buf().data()), size};
}

// conformance: shared_memory.across_processes
TEST_P(NamedMemory, is_written_by_a_child_that_has_its_name_and_by_one_that_has_it) {
    const ScopedBlock block(mp::create, 512, block_name());
    run([](std::string name) { write_text(mp::SharedMemory(name), "howdy"); }, block.name());
    EXPECT_EQ(read_text(block, 5), "howdy");
    run([](mp::SharedMemory block) { write_text(block, "HELLO"); },
        static_cast<const mp::SharedMemory&>(block));
    EXPECT_EQ(read_text(block, 5), "HELLO");
}
TEST_P(NamedMemory, travels_in_queues_and_messages) {
    const ScopedBlock block(mp::create, 512, block_name(0));
    const ScopedList list(mp::create, {1, "one"}, block_name(1));
    mp::Queue<std::pair<mp::SharedMemory, mp::ShareableList>> queue;
    queue.put({block, list});
    run(
        [](mp::Queue<std::pair<mp::SharedMemory, mp::ShareableList>> from) {
            const auto [block, list] = from.get();
            write_text(block, fmt::format("{}", list));
            list.set(0, "set");
        },
        queue);
    EXPECT_EQ(list[0], "set");
    const std::string expected = "ShareableList([1, 'one'], name='" + block_name(1) + "')";
    EXPECT_EQ(read_text(block, expected.size()), expected);
}
TEST_P(NamedMemory, that_is_a_global_is_one_for_the_program) {
    run([] {
        write_text(unnamed_global, "global");
        list_global.set(0, "of the child");
    });
    EXPECT_EQ(read_text(unnamed_global, 6), "global");
    EXPECT_EQ(list_global[0], "of the child");
    list_global.set(0, "of the parent");
}
TEST_P(NamedMemory, that_a_child_made_without_a_name_outlives_it) {
    mp::Queue<std::string> name;
    mp::Process child(
        [](mp::Queue<std::string> out) {
            const mp::SharedMemory block(mp::create, 16);
            write_text(block, "left");
            out.put(block.name());
        },
        name);
    child.start();
    child.join();
    const ScopedBlock block(name.get());
    EXPECT_EQ(read_text(block, 4), "left");
    EXPECT_EQ(blocks_with(part_of_unnamed(::getpid())).size(), 3u);
}
TEST_P(NamedMemory, that_a_killed_child_made_without_a_name_outlives_it) {
    mp::Queue<mp::SharedMemory> made;
    mp::Process child(
        [](mp::Queue<mp::SharedMemory> out) {
            out.put(mp::SharedMemory(mp::create, 16));
            wait_for_ever();
        },
        made);
    child.start();
    const ScopedBlock block(made.get());
    child.kill();
    child.join();
    EXPECT_TRUE(block_exists(block.name()));
    EXPECT_EQ(mp::SharedMemory(block.name()).size(), 16u);
}
TEST_P(NamedMemory, that_was_unlinked_before_a_child_takes_it_is_an_error_there) {
    const ScopedBlock block(mp::create, 16, block_name());
    mp::Queue<mp::SharedMemory> queue;
    queue.put(block);
    block.close();
    block.unlink();
    mp::Queue<std::string> out;
    run(
        [](mp::Queue<mp::SharedMemory> queue, mp::Queue<std::string> out) {
            out.put(refused(ENOENT, [&] { static_cast<void>(queue.get()); }));
        },
        queue, out);
    expect_parts(out.get(), {block_name().c_str(), "unlinked"});
}
TEST_P(NamedMemory, of_a_manager_is_used_in_children) {
    mp::SharedMemoryManager manager;
    manager.start();
    const mp::ShareableList list = manager.ShareableList({0, 0});
    run([](mp::ShareableList each) { each.set(1, 7); }, list);
    EXPECT_EQ(list[1], 7);
}

// ---------------------------------------------------------------- whole programs

// Run by the cases below as a program of its own.
TEST(SharedMemoryProgram, makes_a_managers_list_and_ends) {
    if (!std::getenv("PROCESSION_TEST_PROGRAM")) return;
    mp::SharedMemoryManager manager;
    manager.start();
    EXPECT_EQ(manager.ShareableList(std::vector<int>(10)).size(), 10u);
    manager.shutdown();
}
TEST(SharedMemoryProgram, attaches_and_ends) {
    const char* const name = std::getenv("PROCESSION_TEST_BLOCK");
    if (!name) return;
    const mp::SharedMemory block(name);
    EXPECT_EQ(block.size(), 16u);
    block.close();
}
TEST(SharedMemoryProgram, leaves_unnamed_blocks) {
    const char* const name = std::getenv("PROCESSION_TEST_NAMED");
    if (!name) return;
    const mp::SharedMemory named(mp::create, 16, name);
    mp::Process child([] { static_cast<void>(mp::SharedMemory(mp::create, 16)); });
    child.start();
    child.join();
    static_cast<void>(mp::SharedMemory(mp::create, 16));
    fmt::print("pid {} has {}\n", ::getpid(), blocks_with(part_of_unnamed(::getpid())).size());
    std::fflush(stdout);
    std::exit(0);
}

// conformance: shared_memory.manager_reuses_tracker
// conformance: resource_tracker.global_in_main
TEST(SharedMemoryPrograms, that_end_well_say_nothing_of_what_they_made) {
    const Ended ended =
        run_program({"/proc/self/exe", "--gtest_brief=1",
                     "--gtest_filter=SharedMemoryProgram.makes_a_managers_list_and_ends"},
                    {"PROCESSION_TEST_PROGRAM=1"});
    EXPECT_EQ(ended.code, 0);
    EXPECT_EQ(ended.output.find("procession"), ended.output.npos) << ended.output;
    EXPECT_EQ(ended.output.find("leak"), ended.output.npos) << ended.output;
}
// conformance: shared_memory.untracked_attach
// conformance: shared_memory.tracked_attach
TEST(SharedMemoryPrograms, that_only_attach_leave_the_block_to_its_owner) {
    const ScopedBlock block(mp::create, 16, block_name());
    const Ended ended = run_program(
        {"/proc/self/exe", "--gtest_brief=1", "--gtest_filter=SharedMemoryProgram.attaches_and_ends"},
        {"PROCESSION_TEST_BLOCK=" + block.name()});
    EXPECT_EQ(ended.code, 0) << ended.output;
    EXPECT_EQ(ended.output.find("leak"), ended.output.npos) << ended.output;
    EXPECT_EQ(mp::SharedMemory(block_name()).size(), 16u);
}
TEST(SharedMemoryPrograms, that_end_leave_named_blocks_only) {
    const Ended ended = run_program({"/proc/self/exe", "--gtest_brief=1",
                                     "--gtest_filter=SharedMemoryProgram.leaves_unnamed_blocks"},
                                    {"PROCESSION_TEST_NAMED=" + block_name()});
    EXPECT_EQ(ended.code, 0) << ended.output;
    int pid = 0, count = 0;
    const auto at = ended.output.find("pid ");
    ASSERT_NE(at, ended.output.npos) << ended.output;
    ASSERT_EQ(std::sscanf(ended.output.c_str() + at, "pid %d has %d", &pid, &count), 2);
    EXPECT_EQ(count, 4) << "two globals, one of the child's, one of its own";
    EXPECT_EQ(blocks_with(part_of_unnamed(pid)), std::vector<std::string>());
    const ScopedBlock named(block_name());
    EXPECT_EQ(named.size(), 16u);
}

}  // namespace
