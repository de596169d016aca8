// SPDX-License-Identifier: Apache-2.0

// Nobody outlives the first process, and no daemon its parent.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "support/start_methods.hpp"
#include "support/targets.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;

class Lifelines : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, Lifelines, all_start_methods(), name_of_parameter);

void start_and_tell(mp::Queue<int> out, bool daemon) {
    mp::Process child({.daemon = daemon}, wait_for_ever);
    child.start();
    out.put(*child.pid());
    wait_for_ever();
}
bool ends(int pid) {
    const auto limit = std::chrono::steady_clock::now() + 60s;
    while (std::chrono::steady_clock::now() < limit) {
        std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
        std::string skip, state;
        if (!(stat >> skip >> skip >> state) || state == "Z") return true;
        std::this_thread::yield();
    }
    return false;
}
TEST_P(Lifelines, that_are_daemons_die_with_a_parent_that_was_killed) {
    mp::Queue<int> out;
    mp::Process parent(start_and_tell, out, true);
    parent.start();
    const int daemon = out.get();
    parent.kill();
    parent.join();
    EXPECT_TRUE(ends(daemon));
}
TEST_P(Lifelines, none_outlives_the_first_one) {
    int ends_of_pipe[2];
    ASSERT_EQ(::pipe(ends_of_pipe), 0);
    const pid_t root = ::fork();
    if (root == 0) {
        // A program of its own: this fork has no lifeline, so it makes one.
        ::setenv("PROCESSION_START_METHOD",
                 GetParam() == mp::StartMethod::fork    ? "fork"
                 : GetParam() == mp::StartMethod::spawn ? "spawn"
                                                        : "forkserver",
                 1);
        ::setenv("PROCESSION_TEST_ROOT", std::to_string(ends_of_pipe[1]).c_str(), 1);
        ::execl("/proc/self/exe", "root", "--gtest_filter=Root.*", nullptr);
        ::_exit(1);
    }
    int pids[2] = {};
    ASSERT_EQ(::read(ends_of_pipe[0], pids, sizeof pids), static_cast<ssize_t>(sizeof pids));
    ::kill(root, SIGKILL);
    ::waitpid(root, nullptr, 0);
    EXPECT_TRUE(ends(pids[0]));
    EXPECT_TRUE(ends(pids[1]));
    ::close(ends_of_pipe[0]);
    ::close(ends_of_pipe[1]);
}
// The program that the case above runs and kills.
TEST(Root, starts_a_tree_of_processes) {
    const char* pipe = std::getenv("PROCESSION_TEST_ROOT");
    if (!pipe) return;
    mp::Queue<int> out;
    mp::Process child(start_and_tell, out, false);
    child.start();
    const int pids[2] = {*child.pid(), out.get()};
    ASSERT_EQ(::write(std::atoi(pipe), pids, sizeof pids), static_cast<ssize_t>(sizeof pids));
    wait_for_ever();
}

}  // namespace
