// SPDX-License-Identifier: Apache-2.0

// Processes and programs that do what the library would rather do for them: exec, reap, outlive.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "support/start_methods.hpp"

namespace {

class Unruly : public procession::test::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, Unruly, procession::test::all_start_methods(),
                         procession::test::name_of_parameter);

void run_shell(std::string script) { ::execl("/bin/sh", "sh", "-c", script.c_str(), nullptr); }

TEST_P(Unruly, process_that_execs_is_joined_and_its_code_known) {
    for (const auto& [script, code] : {std::pair("exit 5", 5), std::pair("kill -KILL $$", -SIGKILL)}) {
        mp::Process process(run_shell, script);
        process.start();
        EXPECT_TRUE(process.join());
        EXPECT_EQ(process.exitcode(), code) << script;
    }
}

TEST_P(Unruly, process_that_execed_can_be_terminated) {
    mp::Process process(run_shell, "kill -STOP $$");
    process.start();
    process.terminate();
    ::kill(*process.pid(), SIGCONT);
    EXPECT_TRUE(process.join());
    EXPECT_EQ(process.exitcode(), -SIGTERM);
}

void wait_for_ever() {
    for (;;) ::pause();
}
void answer(mp::Queue<int> question, mp::Queue<int> reply) {
    reply.put(0);
    reply.put(question.get() + 1);
}
void start_answerer(mp::Queue<int> question, mp::Queue<int> reply) {
    mp::Process child({.daemon = false}, answer, question, reply);
    child.start();
    wait_for_ever();
}
void start_answerer_and_die(mp::Queue<int> question, mp::Queue<int> reply) {
    mp::Process child({.daemon = false}, answer, question, reply);
    child.start();
    ::raise(SIGKILL);
}
void start_answerer_and_end(mp::Queue<int> question, mp::Queue<int> reply) {
    mp::Process child({.daemon = false}, answer, question, reply);
    child.start();
    static mp::Queue<int> at_exit = reply;
    std::atexit([] { at_exit.put(100); });
}

TEST_P(Unruly, child_of_a_daemon_outlives_it_when_it_is_killed) {
    mp::Queue<int> question, reply;
    mp::Process daemon({.daemon = true}, start_answerer, question, reply);
    daemon.start();
    EXPECT_EQ(reply.get(), 0);
    daemon.kill();
    daemon.join();
    question.put(41);
    EXPECT_EQ(reply.get(), 42);
}

TEST_P(Unruly, child_runs_though_its_parent_is_killed_as_soon_as_start_returned) {
    mp::Queue<int> question, reply;
    mp::Process parent({.daemon = true}, start_answerer_and_die, question, reply);
    parent.start();
    parent.join();
    EXPECT_EQ(parent.exitcode(), -SIGKILL);
    question.put(41);
    EXPECT_EQ(reply.get(), 0);
    EXPECT_EQ(reply.get(), 42);
}

// Were it not waited for, the daemon would run its exit handlers first.
TEST_P(Unruly, child_of_a_daemon_is_waited_for_when_that_ends) {
    mp::Queue<int> question, reply;
    mp::Process daemon({.daemon = true}, start_answerer_and_end, question, reply);
    daemon.start();
    EXPECT_EQ(reply.get(), 0);
    question.put(41);
    EXPECT_EQ(reply.get(), 42);
    EXPECT_EQ(reply.get(), 100);
    daemon.join();
    EXPECT_EQ(daemon.exitcode(), 0);
}

void exit_with(int status) { mp::exit(status); }

TEST_P(Unruly, program_that_reaps_all_children_itself_still_learns_how_they_ended) {
    std::atomic<bool> stop = false;
    std::thread reaper([&] {
        while (!stop)
            if (::waitpid(-1, nullptr, 0) < 0) std::this_thread::yield();
    });
    for (int status = 0; status < 20; ++status) {
        mp::Process process(exit_with, status);
        process.start();
        EXPECT_TRUE(process.join());
        EXPECT_EQ(process.exitcode(), status);
    }
    mp::Process killed(wait_for_ever);
    killed.start();
    killed.kill();
    EXPECT_TRUE(killed.join());
    // Whoever took the status has it; only a child of the fork server is out of the reaper's reach.
    const auto code = killed.exitcode();
    EXPECT_TRUE(code == -SIGKILL || (code == 255 && GetParam() != mp::StartMethod::forkserver)) << code;
    stop = true;
    // The reaper waits for as long as there is a child, the fork server for one: this one ends its wait,
    // or is left to us where it had stopped already.
    const pid_t last = ::fork();
    if (last == 0) ::_exit(0);
    reaper.join();
    ::waitpid(last, nullptr, 0);
}

}  // namespace
