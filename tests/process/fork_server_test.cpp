// SPDX-License-Identifier: Apache-2.0

// The fork server: what it survives, what it loads, and for whom there is another one.

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include "process/program.hpp"
#include "support/targets.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;

class ForkServer : public testing::Test {
  protected:
    void TearDown() override { mp::set_forkserver_preload(nullptr); }
};

pid_t fork_server_pid() {
    const auto participant = procession::detail::program_state().servers[0].participant.load();
    return participant ? procession::heap::Heap::program().slot(participant).pid.load() : 0;
}
void expect_survival_of(int signal) {
    mp::set_start_method(mp::StartMethod::forkserver, true);
    mp::Queue<int> go, mark;
    mp::Process first(mark_when_told, go, mark);
    first.start();
    ASSERT_NE(fork_server_pid(), 0);
    ::kill(fork_server_pid(), signal);
    mp::Process second(set_mark, mark);
    second.start();
    EXPECT_EQ(mark.get(), 1);
    second.join();
    EXPECT_EQ(second.exitcode(), 0);
    go.put(1);
    EXPECT_EQ(mark.get(), 1);
    first.join();
    EXPECT_TRUE(first.exitcode() == 0 || first.exitcode() == 255) << first.exitcode();
}
// conformance: process.forkserver_sigint
TEST_F(ForkServer, survives_sigint) { expect_survival_of(SIGINT); }
// conformance: process.forkserver_sigkill
TEST_F(ForkServer, is_started_anew_when_it_was_killed) { expect_survival_of(SIGKILL); }

int loaded = 0;
pid_t loader = 0;
void load() {
    ++loaded;
    loader = ::getpid();
    // What a library makes while it is loaded works in the children.
    static mp::Queue<int> made_while_loading;
    made_while_loading.put(loaded);
}
void report_loaded(mp::Queue<std::pair<int, pid_t>> out) { out.put({loaded, loader}); }

// conformance: start_methods.preload
TEST_F(ForkServer, loads_once_what_all_children_share) {
    mp::set_forkserver_preload(load);
    mp::Queue<std::pair<int, pid_t>> out;
    for (int i = 0; i < 3; ++i) {
        mp::Process process({.start_method = mp::StartMethod::forkserver}, report_loaded, out);
        process.start();
        EXPECT_EQ(out.get(), std::pair(1, fork_server_pid()));
        process.join();
    }
    EXPECT_EQ(loaded, 0) << "it runs in the server, not here";
}

TEST_F(ForkServer, that_runs_is_replaced_by_one_that_has_loaded) {
    mp::Queue<int> go, mark;
    mp::Process before({.start_method = mp::StartMethod::forkserver}, mark_when_told, go, mark);
    before.start();
    const pid_t first = fork_server_pid();
    mp::set_forkserver_preload(load);
    mp::Queue<std::pair<int, pid_t>> out;
    mp::Process after({.start_method = mp::StartMethod::forkserver}, report_loaded, out);
    after.start();
    EXPECT_EQ(out.get().first, 1);
    EXPECT_NE(fork_server_pid(), first);
    after.join();
    // The first one's child is still looked after.
    go.put(1);
    before.join();
    EXPECT_EQ(before.exitcode(), 0);
}

// While it still gets children ready.
TEST_F(ForkServer, that_is_replaced_starts_nothing_more) {
    mp::Queue<std::pair<int, pid_t>> out;
    for (int round = 0; round < 60; ++round) {
        const bool loads = round % 2;
        mp::set_forkserver_preload(loads ? load : nullptr);
        mp::Process process({.start_method = mp::StartMethod::forkserver}, report_loaded, out);
        process.start();
        EXPECT_EQ(out.get().first, loads) << round;
        process.join();
    }
}

TEST_F(ForkServer, whose_loading_throws_says_so) {
    mp::set_forkserver_preload([] { throw std::runtime_error("no such data set"); });
    mp::Process process({.start_method = mp::StartMethod::forkserver}, nothing);
    try {
        process.start();
        FAIL();
    } catch (const mp::StateError& error) {
        EXPECT_NE(
            std::string(error.what()).find("set_forkserver_preload runs has thrown: no such data set"),
            std::string::npos)
            << error.what();
    }
}

void report_users(mp::Queue<std::pair<uid_t, gid_t>> out) { out.put({::geteuid(), ::getegid()}); }
void drop_and_start(mp::Queue<std::pair<uid_t, gid_t>> out) {
    if (::setresgid(65534, 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0) mp::exit(1);
    mp::Process child({.start_method = mp::StartMethod::forkserver}, report_users, out);
    child.start();
    child.join();
    mp::exit(child.exitcode() == 0 ? 0 : 2);
}
TEST_F(ForkServer, of_a_process_that_dropped_its_privileges_is_another_one) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root has privileges to drop";
    mp::Queue<std::pair<uid_t, gid_t>> out;
    mp::Process privileged({.start_method = mp::StartMethod::forkserver}, report_users, out);
    privileged.start();
    EXPECT_EQ(out.get(), std::pair(uid_t{0}, gid_t{0}));
    privileged.join();
    mp::Process process({.start_method = mp::StartMethod::forkserver}, drop_and_start, out);
    process.start();
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
    EXPECT_EQ(out.get_nowait(), std::pair(uid_t{65534}, gid_t{65534}));
}

}  // namespace
