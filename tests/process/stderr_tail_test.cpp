// SPDX-License-Identifier: Apache-2.0

// The last lines of a process's stderr, by every start method.

#include "process/stderr_tail.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <cstdio>
#include <string>

#include "os/pidfd.hpp"
#include "process/state.hpp"
#include "support/child.hpp"
#include "support/descriptors.hpp"
#include "support/own_stderr.hpp"
#include "support/proc.hpp"
#include "support/start_methods.hpp"
#include "support/targets.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;
using procession::detail::internals_of;
using procession::detail::StderrTail;
using procession::os::Deadline;
using procession::os::Descriptor;

/// Starts a process whose stderr goes through the tail.
template <class F, class... A>
mp::Process start_through(StderrTail& tail, F function, A... arguments) {
    mp::Process process(function, arguments...);
    internals_of(process).stderr_fd = tail.writer();
    process.start();
    tail.close_writer();
    return process;
}

Deadline soon() { return Deadline::after(100ms); }

class StderrTails : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, StderrTails, all_start_methods(), name_of_parameter);

void complain(int lines) {
    for (int line = 1; line <= lines; ++line) std::fprintf(stderr, "line %d\n", line);
    ::raise(SIGKILL);
}
TEST_P(StderrTails, know_what_a_killed_process_said_last) {
    const OwnStderr own;
    StderrTail tail;
    mp::Process process = start_through(tail, complain, 1000);
    process.join();
    EXPECT_EQ(process.exitcode(), -SIGKILL);
    tail.forward(soon());
    EXPECT_EQ(tail.last_lines(2), "line 999\nline 1000");
    const std::string all = own.read();
    EXPECT_EQ(all.find("line 1\nline 2\n"), 0u);
    EXPECT_NE(all.find("\nline 998\nline 999\nline 1000\n"), all.npos);
    EXPECT_LE(tail.last_lines(1000).size(), StderrTail::kept_size);
}

void throw_something() { throw std::runtime_error("what went wrong"); }
TEST_P(StderrTails, have_the_traceback_of_an_exception) {
    const OwnStderr own;
    StderrTail tail;
    start_through(tail, throw_something).join();
    tail.forward(soon());
    EXPECT_EQ(tail.last_lines(1), "std::runtime_error: what went wrong");
    EXPECT_NE(own.read().find("Traceback"), std::string::npos);
}

TEST_P(StderrTails, are_of_one_start_only) {
    const OwnStderr own;
    StderrTail tail;
    start_through(tail, nothing).join();
    mp::Process other(complain, 1);
    other.start();
    other.join();
    tail.forward(soon());
    EXPECT_EQ(tail.last_lines(9), "");
    EXPECT_EQ(own.read(), "line 1\n");
}

TEST_P(StderrTails, can_be_waited_for_with_the_sentinel) {
    const OwnStderr own;
    StderrTail tail;
    mp::Process process = start_through(tail, complain, 20000);
    // It says more than the pipe holds, and is dead only when all was read.
    for (;;) {
        pollfd watched[] = {{process.sentinel(), POLLIN, 0}, {tail.fd(), POLLIN, 0}};
        ::poll(watched, 2, -1);
        if (watched[1].revents) tail.forward(Deadline::now());
        own.read();
        if (watched[0].revents) break;
    }
    tail.forward(Deadline::now());
    EXPECT_EQ(tail.last_lines(1), "line 20000");
}

void leave_somebody(mp::Queue<int> pid) {
    std::fprintf(stderr, "before\n");
    const int grandchild = fork_to([] {
        for (;;) ::pause();
    });
    pid.put(grandchild);
    ::raise(SIGKILL);
}
TEST_P(StderrTails, do_not_wait_for_those_who_have_it_still) {
    const OwnStderr own;
    StderrTail tail;
    mp::Queue<int> pid;
    mp::Process process = start_through(tail, leave_somebody, pid);
    process.join();
    tail.forward(Deadline::never());
    EXPECT_EQ(tail.last_lines(9), "before");
    EXPECT_GE(tail.fd(), 0);
    ::kill(pid.get(), SIGKILL);
    // Now its end is seen, and there is nothing left to poll.
    ASSERT_TRUE(procession::os::wait_readable(tail.fd(), Deadline::never()));
    tail.forward(Deadline::never());
    EXPECT_EQ(tail.fd(), -1);
    tail.forward(Deadline::never());
    EXPECT_EQ(tail.last_lines(9), "before");
}

void count_open(std::string pipe) {
    const auto open = open_descriptors();
    mp::exit(static_cast<int>(
        std::count_if(open.begin(), open.end(), [&](const auto& each) { return each.second == pipe; })));
}
TEST_P(StderrTails, of_others_are_not_inherited) {
    const StderrTail other;
    const std::string pipe = open_descriptors().at(other.fd());
    EXPECT_EQ(open_descriptors().at(other.writer()), pipe);
    mp::Process process(count_open, pipe);
    process.start();
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
    EXPECT_TRUE(is_open(other.fd()));
}

// ---------------------------------------------------------------- where it goes

void say(const StderrTail& tail, const std::string& text) {
    ASSERT_EQ(::write(tail.writer(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

TEST(StderrTail, keeps_lines_though_nobody_takes_them_and_says_what_is_lost) {
    const OwnStderr own;
    StderrTail tail;
    const std::size_t filling = OwnStderr::fill();
    say(tail, "first\n");
    tail.forward(Deadline::after(1ms));
    say(tail, "second\n");
    // It is not waited for any more.
    tail.forward(Deadline::never());
    EXPECT_EQ(tail.last_lines(9), "first\nsecond");
    EXPECT_EQ(own.read(), std::string(filling, '.'));
    say(tail, "third\n");
    tail.forward(Deadline::never());
    EXPECT_EQ(own.read(), "\n[procession: 13 bytes are lost here]\nthird\n");
    EXPECT_EQ(tail.last_lines(2), "second\nthird");
}

TEST(StderrTail, survives_a_stderr_that_nobody_reads_or_that_is_closed) {
    OwnStderr own;
    own.close_reader();
    StderrTail tail;
    say(tail, "one\n");
    tail.forward(Deadline::never());
    ::close(STDERR_FILENO);
    say(tail, "two\n");
    tail.forward(Deadline::never());
    EXPECT_EQ(tail.last_lines(9), "one\ntwo");
}

TEST(StderrTail, gives_whole_lines_from_the_end) {
    const OwnStderr own;
    StderrTail tail;
    EXPECT_EQ(tail.last_lines(3), "");
    say(tail, "a\n\nb");
    tail.forward(soon());
    EXPECT_EQ(tail.last_lines(0), "");
    EXPECT_EQ(tail.last_lines(1), "b");
    EXPECT_EQ(tail.last_lines(2), "\nb");
    EXPECT_EQ(tail.last_lines(3), "a\n\nb");
    EXPECT_EQ(tail.last_lines(4), "a\n\nb");
    say(tail, "\n");
    tail.forward(soon());
    EXPECT_EQ(tail.last_lines(1), "b");
}

}  // namespace
