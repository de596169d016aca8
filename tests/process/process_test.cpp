// SPDX-License-Identifier: Apache-2.0

// Processes, each case once for every start method. `conformance:` names the row of CPython's own
// test-suite that a case holds.

#include <procession/mp.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <thread>

#include "support/start_methods.hpp"
#include "support/targets.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;

class Processes : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, Processes, all_start_methods(), name_of_parameter);

bool readable_now(int fd) {
    pollfd entry{fd, POLLIN, 0};
    return ::poll(&entry, 1, 0) == 1;
}

// conformance: process.current
TEST(MainProcess, is_alive_not_daemonic_and_has_no_exitcode) {
    const mp::ProcessHandle current = mp::current_process();
    EXPECT_TRUE(current.is_alive());
    EXPECT_FALSE(current.daemon());
    EXPECT_EQ(current.pid(), ::getpid());
    EXPECT_EQ(current.name(), "MainProcess");
    EXPECT_FALSE(current.authkey().empty());
    EXPECT_FALSE(current.exitcode().has_value());
    EXPECT_FALSE(mp::parent_process().has_value());
}

// conformance: process.cpu_count
TEST(MainProcess, may_use_at_least_one_processor) { EXPECT_GE(mp::cpu_count(), 1); }

void report_arguments(mp::Queue<std::string> out, int number, std::string text, std::vector<int> list,
                      std::tuple<int> one) {
    out.put(fmt::format("{} {} {} {}", number, text, list.at(0), std::get<0>(one)));
}

// conformance: process.args_kinds
TEST_P(Processes, hand_arguments_over_as_they_were) {
    mp::Queue<std::string> out;
    mp::Process process(report_arguments, out, 1, "str", std::vector{1}, std::tuple(1));
    process.start();
    EXPECT_EQ(out.get(), "1 str 1 1");
    EXPECT_TRUE(process.join());
    EXPECT_EQ(process.exitcode(), 0);
}

void take_text(mp::Queue<std::string> out, const char* text, std::string_view view) {
    out.put(std::string(text) + std::string(view));
}
TEST_P(Processes, hand_text_over_as_the_callee_takes_it) {
    mp::Queue<std::string> out;
    mp::Process process(take_text, out, "a", std::string("b"));
    process.start();
    EXPECT_EQ(out.get(), "ab");
    process.join();
}

// conformance: process.daemon_argument
TEST(Daemon, is_what_the_constructor_says_or_what_the_creator_is) {
    EXPECT_TRUE(mp::Process({.daemon = true}, nothing).daemon());
    EXPECT_FALSE(mp::Process({.daemon = false}, nothing).daemon());
    EXPECT_FALSE(mp::Process(nothing).daemon());
}

void report_inherited_daemon(mp::Queue<bool> out) { out.put(mp::Process(nothing).daemon()); }
TEST_P(Processes, of_a_daemon_are_daemons_unless_told_otherwise) {
    mp::Queue<bool> out;
    mp::Process process({.daemon = true}, report_inherited_daemon, out);
    process.start();
    EXPECT_TRUE(out.get());
    process.join();
}

void report_parent(mp::Queue<std::pair<int, std::string>> out) {
    out.put({mp::parent_process()->pid(), mp::parent_process()->name()});
}
// conformance: process.parent_attributes
TEST_P(Processes, know_their_parent) {
    mp::Queue<std::pair<int, std::string>> out;
    mp::Process process(report_parent, out);
    process.start();
    EXPECT_EQ(out.get(), std::pair(::getpid(), std::string("MainProcess")));
    process.join();
}

void watch_parent(mp::Queue<std::string> out) {
    out.put(mp::parent_process()->is_alive() ? "alive" : "not alive");
    mp::parent_process()->join(30s);
    out.put(mp::parent_process()->is_alive() ? "alive" : "not alive");
}
void start_watcher(mp::Queue<std::string> out) {
    mp::Process watcher({.daemon = false}, watch_parent, out);
    watcher.start();
    watcher.join();
}
// conformance: process.parent_death_seen
TEST_P(Processes, see_their_parent_die) {
    mp::Queue<std::string> out;
    mp::Process middle(start_watcher, out);
    middle.start();
    EXPECT_EQ(out.get(), "alive");
    middle.terminate();
    EXPECT_EQ(out.get(30s), "not alive");
    middle.join();
}

void report_life(mp::Queue<std::string> out, mp::Queue<int> go) {
    out.put(fmt::format("{} {}", mp::current_process().name(), mp::current_process().pid()));
    static_cast<void>(go.get());
}
// conformance: process.lifecycle
// conformance: process.active_children
TEST_P(Processes, go_from_initial_to_stopped) {
    mp::Queue<std::string> out;
    mp::Queue<int> go;
    mp::Process process({.name = "Some process"}, report_life, out, go);
    EXPECT_FALSE(process.is_alive());
    EXPECT_FALSE(process.exitcode().has_value());
    EXPECT_TRUE(mp::active_children().empty());
    EXPECT_EQ(fmt::format("{}", process), "<Process(Some process, initial)>");
    process.start();
    EXPECT_EQ(out.get(), fmt::format("Some process {}", *process.pid()));
    EXPECT_TRUE(process.is_alive());
    EXPECT_FALSE(process.exitcode().has_value());
    EXPECT_EQ(mp::active_children().size(), 1u);
    EXPECT_EQ(mp::active_children().at(0).pid(), *process.pid());
    EXPECT_EQ(fmt::format("{}", process), "<Process(Some process, started)>");
    go.put(1);
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
    EXPECT_FALSE(process.is_alive());
    EXPECT_TRUE(mp::active_children().empty());
    EXPECT_EQ(fmt::format("{}", process), "<Process(Some process, stopped)>");
}

void expect_killed(void (mp::Process::*kill)(), int signal, const char* printed) {
    mp::Process process({.name = "p", .daemon = true}, wait_for_ever);
    process.start();
    EXPECT_FALSE(process.join(0s));
    EXPECT_FALSE(process.join(-1s));
    EXPECT_TRUE(process.is_alive());
    (process.*kill)();
    EXPECT_TRUE(process.join());
    EXPECT_FALSE(process.is_alive());
    EXPECT_TRUE(mp::active_children().empty());
    EXPECT_EQ(process.exitcode(), -signal);
    EXPECT_EQ(fmt::format("{}", process), printed);
}
// conformance: process.terminate
TEST_P(Processes, can_be_terminated) {
    expect_killed(&mp::Process::terminate, SIGTERM, "<Process(p, stopped[SIGTERM], daemon)>");
}
// conformance: process.kill
TEST_P(Processes, can_be_killed) {
    expect_killed(&mp::Process::kill, SIGKILL, "<Process(p, stopped[SIGKILL], daemon)>");
}
TEST_P(Processes, can_be_interrupted) {
    expect_killed(&mp::Process::interrupt, SIGINT, "<Process(p, stopped[SIGINT], daemon)>");
}

void recurse(mp::Queue<std::vector<int>> out, std::vector<int> path) {
    out.put(path);
    if (path.size() == 2) return;
    for (int i = 0; i < 2; ++i) {
        auto longer = path;
        longer.push_back(i);
        mp::Process child(recurse, out, longer);
        child.start();
        child.join();
    }
}
// conformance: process.recursion
// conformance: start_methods.nested
TEST_P(Processes, may_start_processes_of_their_own) {
    mp::Queue<std::vector<int>> out;
    recurse(out, {});
    for (const auto& expected :
         std::vector<std::vector<int>>{{}, {0}, {0, 0}, {0, 1}, {1}, {1, 0}, {1, 1}})
        EXPECT_EQ(out.get(), expected);
}

// conformance: process.sentinel
TEST_P(Processes, have_a_sentinel_that_is_readable_at_the_end) {
    mp::Process process(wait_for_ever);
    EXPECT_THROW(static_cast<void>(process.sentinel()), mp::ValueError);
    process.start();
    EXPECT_FALSE(readable_now(process.sentinel()));
    process.kill();
    process.join();
    EXPECT_TRUE(readable_now(process.sentinel()));
}

// conformance: process.close
TEST_P(Processes, can_be_closed_once_they_ended) {
    mp::Process process(wait_for_ever);
    process.start();
    EXPECT_THROW(process.close(), mp::ValueError);
    process.kill();
    process.join();
    process.close();
    EXPECT_THROW(static_cast<void>(process.is_alive()), mp::ValueError);
    EXPECT_THROW(process.join(), mp::ValueError);
    EXPECT_THROW(process.terminate(), mp::ValueError);
    process.close();
}

// conformance: process.many
TEST_P(Processes, may_be_many) {
    const int count = GetParam() == mp::StartMethod::spawn ? 5 : 100;
    std::vector<mp::Process> finished, killed;
    for (int i = 0; i < count; ++i) {
        finished.emplace_back(nothing).start();
        killed.emplace_back(wait_for_ever).start();
    }
    for (auto& process : killed) process.terminate();
    for (auto& process : finished) {
        process.join();
        EXPECT_EQ(process.exitcode(), 0);
    }
    for (auto& process : killed) {
        process.join();
        EXPECT_EQ(process.exitcode(), -SIGTERM);
    }
}

int count_descriptors() {
    int count = 0;
    for (int fd = 0; fd < 1024; ++fd) count += ::fcntl(fd, F_GETFD) >= 0;
    return count;
}
void report_descriptors(mp::Queue<int> out, mp::Queue<int> go) {
    out.put(count_descriptors());
    static_cast<void>(go.get());
}
// conformance: process.no_fd_inflation
TEST_P(Processes, do_not_inherit_each_others_descriptors) {
    if (GetParam() == mp::StartMethod::fork) return;  // not required of fork, as the row says
    mp::Queue<int> out, go;
    std::vector<mp::Process> processes;
    for (int i = 0; i < 5; ++i) processes.emplace_back(report_descriptors, out, go).start();
    const int first = out.get();
    for (int i = 1; i < 5; ++i) EXPECT_EQ(out.get(), first);
    for (int i = 0; i < 5; ++i) go.put(1);
    for (auto& process : processes) process.join();
}

// conformance: process.broken_stdio_in_parent
TEST_P(Processes, run_where_the_parent_has_no_stdout_or_stderr) {
    for (const int fd : {1, 2}) {
        const int saved = ::fcntl(fd, F_DUPFD_CLOEXEC, 100);
        ::close(fd);
        mp::Queue<int> mark;
        mp::Process process(set_mark, mark);
        process.start();
        process.join();
        ::dup2(saved, fd);
        ::close(saved);
        EXPECT_EQ(mark.get(), 1);
        EXPECT_EQ(process.exitcode(), 0);
    }
}
void close_and_mark(int fd, mp::Queue<int> mark) {
    ::close(fd);
    mark.put(1);
}
// conformance: process.broken_stdio_in_child
TEST_P(Processes, may_close_their_stdout_or_stderr) {
    for (const int fd : {1, 2}) {
        mp::Queue<int> mark;
        mp::Process process(close_and_mark, fd, mark);
        process.start();
        process.join();
        EXPECT_EQ(mark.get(), 1);
        EXPECT_EQ(process.exitcode(), 0);
    }
}

struct Upper : mp::Subclass<Upper> {
    mp::Queue<std::string> in, out;
    void run() override {
        for (const std::string& text : in) {
            std::string upper = text;
            for (char& c : upper) c = static_cast<char>(std::toupper(c));
            out.put(upper);
        }
    }
    template <class A>
    void serialize(A& archive) {
        archive(in, out);
    }
};
// conformance: process.subclass_run
TEST_P(Processes, may_be_subclasses_with_run) {
    Upper process;
    process.set_daemon(true);
    process.start();
    process.in.put("hello");
    EXPECT_EQ(process.out.get(), "HELLO");
    process.in.put("world");
    EXPECT_EQ(process.out.get(), "WORLD");
    process.in.shutdown();
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
    EXPECT_EQ(process.name().substr(0, 6), "Upper-");
}

std::atomic<int> signals = 0;
// conformance: process.join_eintr
TEST_P(Processes, are_joined_through_signals) {
    struct sigaction action {};
    action.sa_handler = [](int) { ++signals; };
    ::sigaction(SIGUSR1, &action, nullptr);
    mp::Queue<int> go, mark;
    mp::Process process(mark_when_told, go, mark);
    process.start();
    const pthread_t joiner = ::pthread_self();
    std::jthread interrupter([&] {
        while (signals < 5) ::pthread_kill(joiner, SIGUSR1);
        go.put(1);
    });
    process.join();
    EXPECT_GE(signals, 5);
    EXPECT_EQ(process.exitcode(), 0);
}

void get_nowait_in_grandchild(mp::Queue<int> queue) { static_cast<void>(queue.try_get()); }
void queue_in_child() {
    mp::Queue<int> queue;
    mp::Process grandchild({.daemon = true}, get_nowait_in_grandchild, queue);
    grandchild.start();
    grandchild.join();
}
// conformance: queue.in_child
TEST_P(Processes, may_make_queues) {
    mp::Process process(queue_in_child);
    process.start();
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
}

void put_range(mp::Queue<int> queue, int from, int to) {
    for (int i = from; i < to; ++i) queue.put(i);
}
// conformance: queue.feeder_after_fork
TEST_P(Processes, put_after_what_the_parent_put) {
    mp::Queue<int> queue;
    put_range(queue, 0, 10);
    mp::Process process(put_range, queue, 10, 20);
    process.start();
    for (int i = 0; i < 20; ++i) EXPECT_EQ(queue.get(), i);
    EXPECT_THROW(static_cast<void>(queue.get_nowait()), mp::Empty);
    process.join();
}

TEST_P(Processes, are_misused_with_a_clear_error) {
    mp::Process process(nothing);
    EXPECT_THROW(process.join(), mp::StateError);
    EXPECT_THROW(process.terminate(), mp::StateError);
    process.start();
    EXPECT_THROW(process.start(), mp::StateError);
    EXPECT_THROW(process.set_daemon(true), mp::StateError);
    process.join();
}

TEST_P(Processes, end_well_though_the_program_ignores_sigchld) {
    ::signal(SIGCHLD, SIG_IGN);
    mp::Process process(exit_with, 3);
    process.start();
    EXPECT_TRUE(process.join());
    EXPECT_EQ(process.exitcode(), 3);
    ::signal(SIGCHLD, SIG_DFL);
}

TEST(Fork, while_threads_put_allocate_and_log_never_hangs) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP()
        << "the allocator of gcc 12's AddressSanitizer does not survive a fork while others allocate";
#endif
    const int saved = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 100),
              null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
    ::dup2(null, STDERR_FILENO);
    ::close(null);
    mp::log_to_stderr(spdlog::level::debug);
    mp::Queue<std::vector<int>> queue(64);
    std::atomic<bool> stop = false;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 8; ++i)
            threads.emplace_back([&] {
                while (!stop) {
                    if (queue.try_put(std::vector<int>(100, 1))) static_cast<void>(queue.try_get());
                    mp::get_logger()->debug("busy");
                }
            });
        for (int i = 0; i < 200; ++i) {
            mp::Process process({.start_method = mp::StartMethod::fork}, [queue] {
                queue.put({1, 2, 3}, 10s);
                static_cast<void>(queue.try_get());
                mp::get_logger()->debug("in the child");
            });
            process.start();
            ASSERT_TRUE(process.join(60s));
            ASSERT_EQ(process.exitcode(), 0);
        }
        stop = true;
    }
    mp::get_logger()->set_level(spdlog::level::off);
    ::dup2(saved, STDERR_FILENO);
    ::close(saved);
}

}  // namespace
