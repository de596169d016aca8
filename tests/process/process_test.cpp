// SPDX-License-Identifier: Apache-2.0

// Processes, each case once for every start method. `conformance:` names the row of CPython's own
// test-suite that a case holds.

#include <procession/mp.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <thread>

namespace {

using namespace std::chrono_literals;

class Processes : public testing::TestWithParam<mp::StartMethod> {
  protected:
    void SetUp() override { mp::set_start_method(GetParam(), true); }
    void TearDown() override { EXPECT_TRUE(mp::active_children().empty()); }
};

INSTANTIATE_TEST_SUITE_P(EveryMethod, Processes, testing::ValuesIn(mp::get_all_start_methods()),
                         [](const auto& info) {
                             return info.param == mp::StartMethod::fork    ? "fork"
                                    : info.param == mp::StartMethod::spawn ? "spawn"
                                                                           : "forkserver";
                         });

void nothing() {}
void wait_for_ever() {
    for (;;) ::pause();
}

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
    for (const auto& expected : std::vector<std::vector<int>>{{}, {0}, {0, 0}, {0, 1}, {1}, {1, 0}, {1, 1}})
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

void report_open(mp::Queue<bool> out, int fd) { out.put(::fcntl(fd, F_GETFD) >= 0); }
// conformance: start_methods.close_fds
TEST_P(Processes, have_the_parents_open_files_only_after_a_fork) {
    const int plain = ::socket(AF_UNIX, SOCK_STREAM, 0);
    const int fd = ::fcntl(plain, F_DUPFD, 50);
    mp::Queue<bool> out;
    mp::Process process(report_open, out, fd);
    process.start();
    EXPECT_EQ(out.get(), GetParam() == mp::StartMethod::fork);
    process.join();
    ::close(plain);
    ::close(fd);
}

void set_mark(mp::Queue<int> mark) { mark.put(1); }
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

int fork_server_pid() {
    for (int pid = ::getpid(); pid < ::getpid() + 100'000; ++pid) {
        std::ifstream name("/proc/" + std::to_string(pid) + "/comm");
        std::string text;
        int parent = 0;
        std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
        std::string skip;
        stat >> skip >> skip >> skip >> parent;
        if (std::getline(name, text) && text == "procession-fs" && parent == ::getpid()) return pid;
    }
    return 0;
}
void mark_when_told(mp::Queue<int> go, mp::Queue<int> mark) {
    static_cast<void>(go.get());
    mark.put(1);
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
TEST(ForkServer, survives_sigint) { expect_survival_of(SIGINT); }
// conformance: process.forkserver_sigkill
TEST(ForkServer, is_started_anew_when_it_was_killed) { expect_survival_of(SIGKILL); }

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

std::string temporary_file() {
    std::string path = testing::TempDir() + "XXXXXX";
    ::close(::mkstemp(path.data()));
    return path;
}
std::string content_of(const std::string& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    ::unlink(path.c_str());
    return text.str();
}
void throw_into(std::string file) {
    ::dup2(::open(file.c_str(), O_WRONLY), STDERR_FILENO);
    throw std::runtime_error("There was an error!");
}
// conformance: process.stderr_flush
TEST_P(Processes, report_what_they_throw) {
    const std::string file = temporary_file();
    mp::Process process({.name = "thrower"}, throw_into, file);
    process.start();
    process.join();
    EXPECT_EQ(process.exitcode(), 1);
    const std::string report = content_of(file);
    for (const char* part : {"thrower", "std::runtime_error", "There was an error!", "Traceback (most recent call last):"})
        EXPECT_NE(report.find(part), std::string::npos) << part << " is missing in: " << report;
}

void exit_with(int status) { mp::exit(status); }
// conformance: process.sys_exit
TEST_P(Processes, end_with_the_status_given_to_exit) {
    for (const int status : {1, 0, 8}) {
        mp::Process process(exit_with, status);
        process.start();
        process.join();
        EXPECT_EQ(process.exitcode(), status);
    }
}

std::string exit_file;
void write_at_exit(std::string file) {
    exit_file = file;
    std::atexit([] { std::ofstream(exit_file) << "deadbeef"; });
}
// conformance: process.atexit
TEST_P(Processes, run_the_exit_handlers_that_they_registered) {
    const std::string file = temporary_file();
    mp::Process process(write_at_exit, file);
    process.start();
    process.join();
    EXPECT_EQ(content_of(file), "deadbeef");
}
TEST_P(Processes, do_not_run_the_exit_handlers_of_their_parent) {
    exit_file = temporary_file();
    std::atexit([] {
        if (std::getenv("PROCESSION_TEST_PARENT")) std::ofstream(exit_file) << "twice";
    });
    ::setenv("PROCESSION_TEST_PARENT", "1", 1);
    mp::Process process(nothing);
    process.start();
    process.join();
    ::unsetenv("PROCESSION_TEST_PARENT");
    EXPECT_EQ(content_of(exit_file), "");
}

std::atomic<int> signals = 0;
// conformance: process.join_eintr
TEST_P(Processes, are_joined_through_signals) {
    struct sigaction action{};
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

void report_method(mp::Queue<int> out) { out.put(static_cast<int>(mp::get_start_method())); }
// conformance: start_methods.set_get
TEST_P(Processes, start_others_by_the_same_method) {
    EXPECT_EQ(mp::get_start_method(), GetParam());
    mp::Queue<int> out;
    mp::Process process(report_method, out);
    process.start();
    EXPECT_EQ(out.get(), static_cast<int>(GetParam()));
    process.join();
    EXPECT_THROW(mp::set_start_method(mp::StartMethod::spawn), mp::StateError);
}

// conformance: start_methods.mixed
TEST_P(Processes, of_every_method_may_share_a_queue) {
    mp::Queue<int> queue;
    for (const auto method : mp::get_all_start_methods()) {
        mp::Process process = mp::get_context(method).Process(set_mark, queue);
        process.start();
        EXPECT_EQ(queue.get(), 1);
        process.join();
    }
}

TEST_P(Processes, take_closures_only_by_fork) {
    int captured = 7;
    mp::Process process({}, [&captured] { ::_exit(captured); });
    if (GetParam() == mp::StartMethod::fork) {
        process.start();
        process.join();
        EXPECT_EQ(process.exitcode(), 7);
    } else {
        try {
            process.start();
            FAIL();
        } catch (const mp::SerializationError& error) {
            EXPECT_NE(std::string(error.what()).find("StartMethod::fork"), std::string::npos);
        }
    }
}

void exit_with_sum(int a, int b) { mp::exit(a + b); }
TEST_P(Processes, take_bound_functions_and_lambdas) {
    mp::Process bound(mp::bind(exit_with_sum, 3), 4);
    bound.start();
    bound.join();
    EXPECT_EQ(bound.exitcode(), 7);
    mp::Process lambda([](int status) { mp::exit(status); }, 9);
    lambda.start();
    lambda.join();
    EXPECT_EQ(lambda.exitcode(), 9);
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

TEST_P(Processes, inherit_environment_directory_and_umask) {
    ::setenv("PROCESSION_TEST_VARIABLE", "seen", 1);
    mp::Queue<std::string> out;
    mp::Process process([](mp::Queue<std::string> to) {
        char path[256];
        const mode_t mask = ::umask(0);
        to.put(fmt::format("{} {} {:o}", std::getenv("PROCESSION_TEST_VARIABLE"),
                           ::getcwd(path, sizeof path), mask));
    }, out);
    char before[256];
    ASSERT_NE(::getcwd(before, sizeof before), nullptr);
    ASSERT_EQ(::chdir("/usr"), 0);
    const mode_t mask = ::umask(027);
    process.start();
    EXPECT_EQ(out.get(), "seen /usr 27");
    process.join();
    ::umask(mask);
    ASSERT_EQ(::chdir(before), 0);
}

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
TEST_P(Processes, that_are_daemons_die_with_a_parent_that_was_killed) {
    mp::Queue<int> out;
    mp::Process parent(start_and_tell, out, true);
    parent.start();
    const int daemon = out.get();
    parent.kill();
    parent.join();
    EXPECT_TRUE(ends(daemon));
}
TEST_P(Processes, none_outlives_the_first_one) {
    int ends_of_pipe[2];
    ASSERT_EQ(::pipe(ends_of_pipe), 0);
    const pid_t root = ::fork();
    if (root == 0) {
        // A program of its own: this fork has no lifeline, so it makes one.
        ::setenv("PROCESSION_START_METHOD",
                 GetParam() == mp::StartMethod::fork    ? "fork"
                 : GetParam() == mp::StartMethod::spawn ? "spawn"
                                                        : "forkserver", 1);
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

TEST(Fork, while_threads_put_and_allocate_never_hangs) {
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
            });
            process.start();
            ASSERT_TRUE(process.join(60s));
            ASSERT_EQ(process.exitcode(), 0);
        }
        stop = true;
    }
}

// conformance: logging.enable
TEST(Logging, has_a_level_and_is_silent_below_it) {
    mp::get_logger()->set_level(spdlog::level::warn);
    mp::get_logger()->debug("not seen");
    EXPECT_EQ(mp::get_logger()->level(), spdlog::level::warn);
}
void report_level(mp::Queue<int> out) { out.put(mp::get_logger()->level()); }
// conformance: logging.level_inherited
TEST_P(Processes, inherit_the_log_level) {
    mp::get_logger()->set_level(spdlog::level::err);
    mp::Queue<int> out;
    mp::Process process(report_level, out);
    process.start();
    EXPECT_EQ(out.get(), spdlog::level::err);
    process.join();
}

TEST(FunctionTable, a_name_that_is_in_no_table_calls_nothing) {
    namespace detail = procession::detail;
    auto name = detail::name_of(detail::entry_of<&detail::invoke<void (*)()>>);
    EXPECT_NO_THROW(static_cast<void>(detail::find_entry(name)));
    name.offset += 8;
    EXPECT_THROW(static_cast<void>(detail::find_entry(name)), mp::StateError);
    EXPECT_THROW(static_cast<void>(detail::find_code(name)), mp::StateError);
    name.build_id = "another build";
    EXPECT_THROW(static_cast<void>(detail::find_entry(name)), mp::StateError);
}
TEST(FunctionTable, does_not_name_functions_of_the_c_library) {
    EXPECT_THROW(static_cast<void>(procession::detail::name_of_code(reinterpret_cast<void*>(static_cast<int (*)(const char*)>(&std::remove)))),
                 mp::StateError);
}

}  // namespace
