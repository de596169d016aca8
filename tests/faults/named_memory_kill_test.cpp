// SPDX-License-Identifier: Apache-2.0

// Blocks of named memory when processes are killed: whoever makes one, the program's root, the fork server
// that cleans up, or several of them. Unnamed blocks go with the program, never before; named ones stay.

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <procession/mp.hpp>

#include <cstdlib>
#include <cstring>

#include "heap/object.hpp"
#include "os/kill_point.hpp"
#include "os/named_memory.hpp"
#include "os/pidfd.hpp"
#include "os/process_life.hpp"
#include "process/program.hpp"
#include "support/block.hpp"
#include "support/child.hpp"
#include "support/heap_work.hpp"
#include "support/start_methods.hpp"
#include "support/targets.hpp"
#include "support/warnings.hpp"

#ifdef PROCESSION_KILL_POINTS

namespace {

using namespace procession::test;
namespace os = procession::os;
using procession::heap::Heap;

pid_t fork_server() {
    const auto participant = procession::detail::program_state().servers[0].participant.load();
    return participant ? Heap::program().slot(participant).pid.load() : 0;
}

std::vector<std::string> unnamed_blocks(pid_t root = ::getpid()) {
    return blocks_with(part_of_unnamed(root));
}
void remove(const std::vector<std::string>& blocks) {
    for (const std::string& each : blocks) std::filesystem::remove(path_of_block(each));
}

// ---------------------------------------------------------------- whoever makes one

class CreatorKilledAt : public testing::TestWithParam<const char*> {
  protected:
    void expect_death(const std::string& name) {
        // So that it is the creation that gets to the point.
        const ScopedBlock first(mp::create, 1);
        ASSERT_EQ(in_child([&] {
                      Heap::program().self();
                      os::select_kill_point(GetParam());
                      static_cast<void>(mp::SharedMemory(mp::create, 10'000, name));
                  }),
                  -SIGKILL);
        bury_everybody(Heap::program());
    }
};
INSTANTIATE_TEST_SUITE_P(EveryPoint, CreatorKilledAt,
                         testing::Values("alloc.claimed", "object.prepared", "object.listed",
                                         "object.made", "block.reserved", "block.filled",
                                         "block.published", "block.described", "drop.cleared"));

/// How many blocks the program has handles to.
int objects() {
    using namespace procession::heap;
    Heap& heap = Heap::program();
    int count = 0;
    for (std::uint32_t i = 0; i < heap.header().object_end.load(); ++i)
        if (const Offset at = heap.at<std::atomic<Offset>>(objects_at)[i].load())
            count += heap.at<ObjectHeader>(at)->type == ObjectType::shared_memory;
    return count;
}

TEST_P(CreatorKilledAt, leaves_no_block_of_that_name_or_a_whole_one) {
    expect_death(block_name());
    if (block_exists(block_name())) {
        EXPECT_EQ(mp::SharedMemory(block_name()).size(), 10'000u);
        mp::SharedMemory(block_name()).unlink();
    }
    const ScopedBlock again(mp::create, 10, block_name());
    EXPECT_EQ(again.size(), 10u);
    EXPECT_EQ(objects(), 1) << "the dead one's handle is gone";
}
TEST_P(CreatorKilledAt, leaves_no_unnamed_block_or_a_whole_one_of_the_program) {
    ASSERT_EQ(unnamed_blocks().size(), 0u);
    expect_death("");
    const auto left = unnamed_blocks();
    EXPECT_LE(left.size(), 1u);
    for (const std::string& each : left) EXPECT_EQ(mp::SharedMemory(each).size(), 10'000u);
    remove(left);
}

// ---------------------------------------------------------------- whoever cleans up

void wait_for_end_of(pid_t server) {
    os::wait_readable(os::pidfd_open_even_if_gone(server).get(), os::Deadline::never());
}

// conformance: resource_tracker.sigkill
TEST(Janitor, that_was_killed_is_started_again_with_one_warning) {
    const ScopedBlock first(mp::create, 1);
    const Warnings warnings;
    const pid_t server = fork_server();
    ASSERT_NE(server, 0);
    ::kill(server, SIGKILL);
    wait_for_end_of(server);
    const ScopedBlock second(mp::create, 1), third(mp::create, 1);
    EXPECT_NE(fork_server(), server);
    EXPECT_EQ(warnings.count(), 1u) << warnings.text();
    EXPECT_NE(warnings.text().find("the process that cleans up died"), std::string::npos);
    EXPECT_TRUE(block_exists(first.name()));
}
bool blocks_signal(pid_t process, int signal) {
    std::ifstream status(fmt::format("/proc/{}/status", process));
    std::uint64_t mask = 0;
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("SigBlk:")) mask = std::stoull(line.substr(7), nullptr, 16);
    return mask >> (signal - 1) & 1;
}
void expect_nothing_from(int signal) {
    const ScopedBlock first(mp::create, 1);
    const Warnings warnings;
    const pid_t server = fork_server();
    EXPECT_TRUE(blocks_signal(server, signal)) << "else its end might be seen only later";
    ::kill(server, signal);
    const ScopedBlock second(mp::create, 1);
    mp::Process child({.start_method = mp::StartMethod::forkserver}, nothing);
    child.start();
    child.join();
    EXPECT_EQ(child.exitcode(), 0);
    EXPECT_EQ(fork_server(), server);
    EXPECT_EQ(warnings.text(), "");
    first.unlink();
}
// conformance: resource_tracker.sigint
TEST(Janitor, does_not_mind_sigint) { expect_nothing_from(SIGINT); }
// conformance: resource_tracker.sigterm
TEST(Janitor, does_not_mind_sigterm) { expect_nothing_from(SIGTERM); }
TEST(Janitor, does_not_mind_sighup) { expect_nothing_from(SIGHUP); }

// conformance: resource_tracker.reused_by_child
TEST(Janitor, is_one_for_parent_and_children) {
    const ScopedBlock first(mp::create, 1);
    for (const mp::StartMethod method : mp::get_all_start_methods()) {
        mp::Queue<std::pair<pid_t, mp::SharedMemory>> out;
        mp::Process child(
            {.start_method = method},
            [](mp::Queue<std::pair<pid_t, mp::SharedMemory>> out) {
                const mp::SharedMemory made(mp::create, 1);
                out.put({fork_server(), made});
            },
            out);
        child.start();
        const auto [server, block] = out.get();
        EXPECT_EQ(server, fork_server()) << name_of(method);
        child.join();
        block.unlink();
    }
}

// ---------------------------------------------------------------- orphans

pid_t pid_that_is_gone() {
    const pid_t gone = ::fork();
    if (gone == 0) ::_exit(0);
    ::waitpid(gone, nullptr, 0);
    return gone;
}

struct Orphan : RawBlock {
    explicit Orphan(const std::string& middle)
        : RawBlock(fmt::format("procession_{}_{}", middle, 1), "orphan") {}
};
/// Makes unnamed blocks until the names that are due are swept, which are looked for only now and then.
void have_orphans_swept() {
    const Orphan due(fmt::format("{}_{}_{}", os::pid_namespace(), pid_that_is_gone(), 1));
    while (block_exists(due.name())) const ScopedBlock made(mp::create, 1);
}

TEST(Orphans, are_swept_and_nothing_else) {
    const std::uint32_t ours = os::pid_namespace();
    const os::ProcessLife me = os::own_life();
    const pid_t gone = pid_that_is_gone();
    const Orphan of_a_process_that_is_gone(fmt::format("{}_{}_{}", ours, gone, me.start_time));
    const Orphan of_a_pid_that_is_anothers(fmt::format("{}_{}_{}", ours, me.pid, me.start_time - 1));
    const Orphan of_another_namespace(fmt::format("{}_{}_{}", ours + 1, gone, me.start_time));
    const Orphan of_this_process(fmt::format("{}_{}_{}", ours, me.pid, me.start_time));
    const Orphan of_another_form(fmt::format("{}_{}_x", ours, gone));
    const Orphan of_no_process(fmt::format("{}_0_{}", ours, me.start_time));
    have_orphans_swept();
    EXPECT_FALSE(block_exists(of_a_process_that_is_gone.name()));
    EXPECT_FALSE(block_exists(of_a_pid_that_is_anothers.name()));
    EXPECT_TRUE(block_exists(of_another_namespace.name()));
    EXPECT_TRUE(block_exists(of_this_process.name()));
    EXPECT_TRUE(block_exists(of_another_form.name()));
    EXPECT_TRUE(block_exists(of_no_process.name()));
}

// ---------------------------------------------------------------- the root

/// A program of its own, with blocks in the root, in a child of each start method, and in a child of a
/// child.
class Root {
  public:
    explicit Root(const char* mode = "stay") {
        int ends[2];
        os::checked(::pipe(ends), "test", "pipe");
        const os::Descriptor reader(ends[0]), writer(ends[1]);
        named_ = block_name();
        pid_ = ::fork();
        if (pid_ == 0) {
            ::setenv("PROCESSION_TEST_ROOT", std::to_string(writer.get()).c_str(), 1);
            ::setenv("PROCESSION_TEST_MODE", mode, 1);
            ::setenv("PROCESSION_TEST_NAMED", named_.c_str(), 1);
            ::execl("/proc/self/exe", "root", "--gtest_filter=RootProgram.*", nullptr);
            ::_exit(1);
        }
        os::checked(os::retry_on_signal([&] { return ::read(reader.get(), &server_, sizeof server_); }),
                    "test", "read");
        server_life_ = os::pidfd_open_even_if_gone(server_);
    }
    ~Root() { std::filesystem::remove(path_of_block(named_)); }
    Root(Root&&) = delete;

    pid_t server() const { return server_; }
    std::vector<std::string> blocks() const { return unnamed_blocks(pid_); }
    bool named_one_stays() const { return block_exists(named_); }
    void signal(int number) const { ::kill(pid_, number); }
    void kill_server() const {
        ::kill(server_, SIGKILL);
        os::wait_readable(server_life_.get(), os::Deadline::never());
    }
    /// What waitpid says; afterwards its fork server has ended, too.
    int wait() const {
        int status = 0;
        ::waitpid(pid_, &status, 0);
        os::wait_readable(server_life_.get(), os::Deadline::never());
        return status;
    }
    static constexpr std::size_t block_count = 6;

  private:
    std::string named_;
    pid_t pid_ = 0, server_ = 0;
    os::Descriptor server_life_;
};

void make_and_stay(mp::Queue<int> made, bool with_child) {
    const mp::SharedMemory block(mp::create, 4096);
    if (with_child) {
        mp::Process child(make_and_stay, made, false);
        child.start();
        made.put(1);
        wait_for_ever();
    }
    made.put(1);
    for (;;) block.buf()[0] = std::byte(1);
}

void make_for_good() { static const mp::SharedMemory block(mp::create, 16); }

// The program that the cases below run.
TEST(RootProgram, makes_blocks_everywhere) {
    const char* const pipe = std::getenv("PROCESSION_TEST_ROOT");
    if (!pipe) return;
    const std::string mode = std::getenv("PROCESSION_TEST_MODE");
    if (mode == "bare fork") {
        // A root as well, beside this process, which has not used the library yet.
        const pid_t other = child_that_stays(Event(), [] { make_for_good(); });
        make_for_good();
        os::checked(::write(std::atoi(pipe), &other, sizeof other), "test", "write");
        wait_for_ever();
    }
    const mp::SharedMemory named(mp::create, 16, std::getenv("PROCESSION_TEST_NAMED"));
    mp::SharedMemoryManager manager;
    manager.start();
    const mp::ShareableList list = manager.ShareableList({1, 2});
    const mp::SharedMemory block(mp::create, 16);
    mp::Queue<int> made;
    const bool alone = mode == "retired server";
    std::vector<mp::Process> children;
    for (const mp::StartMethod method : mp::get_all_start_methods()) {
        children.emplace_back(mp::ProcessOptions{.start_method = method}, make_and_stay, made,
                              !alone && method == mp::StartMethod::spawn);
        children.back().start();
    }
    for (std::size_t i = 0; i < children.size() + (alone ? 0 : 1); ++i) static_cast<void>(made.get());
    if (mode == "one is gone") block.unlink();
    const pid_t server = fork_server();
    if (alone) {
        for (mp::Process& each : children) {
            each.kill();
            each.join();
        }
        mp::set_forkserver_preload(nullptr);
    }
    os::checked(::write(std::atoi(pipe), &server, sizeof server), "test", "write");
    if (mode != "end") wait_for_ever();
    ::kill(server, SIGKILL);
    for (mp::Process& each : children) each.kill();
    std::exit(0);
}

TEST(Root, that_is_killed_leaves_its_named_block_alone) {
    const Root root;
    EXPECT_EQ(root.blocks().size(), Root::block_count);
    root.signal(SIGKILL);
    EXPECT_EQ(root.wait(), SIGKILL);
    EXPECT_EQ(root.blocks(), std::vector<std::string>());
    EXPECT_TRUE(root.named_one_stays());
}
// conformance: resource_tracker.cleans_after_kill
TEST(Root, that_is_terminated_leaves_nothing_though_a_block_was_unlinked_before) {
    const Root root("one is gone");
    EXPECT_EQ(root.blocks().size(), Root::block_count - 1);
    remove({root.blocks().front()});
    root.signal(SIGTERM);
    EXPECT_EQ(root.wait(), SIGTERM);
    EXPECT_EQ(root.blocks(), std::vector<std::string>());
}
TEST(Root, that_is_terminated_with_all_its_processes_leaves_nothing) {
    const Root root;
    ::kill(root.server(), SIGTERM);
    root.signal(SIGTERM);
    EXPECT_EQ(root.wait(), SIGTERM);
    EXPECT_EQ(root.blocks(), std::vector<std::string>());
}
bool has_children(pid_t process) {
    pid_t child = 0;
    return static_cast<bool>(std::ifstream(fmt::format("/proc/{0}/task/{0}/children", process)) >>
                             child);
}
TEST(Root, that_is_killed_when_its_server_was_told_to_go_leaves_nothing) {
    const Root root("retired server");
    // It could go when its last child has ended, as it would if there were nothing to clean up.
    while (has_children(root.server())) {
    }
    EXPECT_EQ(root.blocks().size(), 5u);
    root.signal(SIGKILL);
    root.wait();
    EXPECT_EQ(root.blocks(), std::vector<std::string>());
}
TEST(Root, that_ends_cleans_up_itself_where_the_server_was_killed) {
    const Root root("end");
    EXPECT_EQ(root.wait(), 0);
    EXPECT_EQ(root.blocks(), std::vector<std::string>());
    EXPECT_TRUE(root.named_one_stays());
}
TEST(Root, that_is_killed_with_its_server_is_swept_up_after_by_the_next_program) {
    const Root root;
    root.kill_server();
    EXPECT_EQ(root.blocks().size(), Root::block_count) << "it lives";
    root.signal(SIGKILL);
    root.wait();
    while (!root.blocks().empty()) const ScopedBlock made(mp::create, 1);
    EXPECT_TRUE(root.named_one_stays());
}

TEST(Root, keeps_its_block_when_one_that_it_has_forked_itself_has_made_some_and_died) {
    const Root root("bare fork");
    ASSERT_EQ(root.blocks().size(), 1u);
    ::kill(root.server(), SIGKILL);
    have_orphans_swept();
    EXPECT_EQ(root.blocks().size(), 1u);
    root.signal(SIGKILL);
    root.wait();
    while (!root.blocks().empty()) const ScopedBlock made(mp::create, 1);
}

}  // namespace

#endif
