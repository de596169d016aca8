// SPDX-License-Identifier: Apache-2.0

// What is the same by every start method, and what is not.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <cstdlib>

#include "support/start_methods.hpp"
#include "support/targets.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;

class StartMethods : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, StartMethods, all_start_methods(), name_of_parameter);

void report_method(mp::Queue<int> out) { out.put(static_cast<int>(mp::get_start_method())); }
// conformance: start_methods.set_get
TEST_P(StartMethods, start_others_by_the_same_method) {
    EXPECT_EQ(mp::get_start_method(), GetParam());
    mp::Queue<int> out;
    mp::Process process(report_method, out);
    process.start();
    EXPECT_EQ(out.get(), static_cast<int>(GetParam()));
    process.join();
    EXPECT_THROW(mp::set_start_method(mp::StartMethod::spawn), mp::StateError);
}

// conformance: start_methods.mixed
TEST_P(StartMethods, of_every_method_may_share_a_queue) {
    mp::Queue<int> queue;
    for (const auto method : mp::get_all_start_methods()) {
        mp::Process process = mp::get_context(method).Process(set_mark, queue);
        process.start();
        EXPECT_EQ(queue.get(), 1);
        process.join();
    }
}

TEST_P(StartMethods, take_closures_only_by_fork) {
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
TEST_P(StartMethods, take_bound_functions_and_lambdas) {
    mp::Process bound(mp::bind(exit_with_sum, 3), 4);
    bound.start();
    bound.join();
    EXPECT_EQ(bound.exitcode(), 7);
    mp::Process lambda([](int status) { mp::exit(status); }, 9);
    lambda.start();
    lambda.join();
    EXPECT_EQ(lambda.exitcode(), 9);
}

void report_open(mp::Queue<bool> out, int fd) { out.put(::fcntl(fd, F_GETFD) >= 0); }
// conformance: start_methods.close_fds
TEST_P(StartMethods, have_the_parents_open_files_only_after_a_fork) {
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

TEST_P(StartMethods, inherit_environment_directory_and_umask) {
    ::setenv("PROCESSION_TEST_VARIABLE", "seen", 1);
    mp::Queue<std::string> out;
    mp::Process process(
        [](mp::Queue<std::string> to) {
            char path[256];
            const mode_t mask = ::umask(0);
            to.put(fmt::format("{} {} {:o}", std::getenv("PROCESSION_TEST_VARIABLE"),
                               ::getcwd(path, sizeof path), mask));
        },
        out);
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

// conformance: start_methods.context
TEST_P(StartMethods, are_what_a_context_names_and_its_processes_report) {
    const mp::Context context = mp::get_context(GetParam());
    EXPECT_EQ(context.get_start_method(), GetParam());
    // Whatever the program is set to.
    mp::set_start_method(
        GetParam() == mp::StartMethod::spawn ? mp::StartMethod::fork : mp::StartMethod::spawn, true);
    mp::Queue<int> out;
    mp::Process process = context.Process(report_method, out);
    process.start();
    EXPECT_EQ(out.get(), static_cast<int>(GetParam()));
    process.join();
}

struct Likeness {
    std::string blocked, ignored;
    std::uint64_t files, core;
    int nice, processors;
    bool operator==(const Likeness&) const = default;

    static Likeness own() {
        Likeness mine{};
        sigset_t mask;
        ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
        for (int signal = 1; signal < 32; ++signal) {
            struct sigaction action {};
            ::sigaction(signal, nullptr, &action);
            mine.blocked += ::sigismember(&mask, signal) ? 'x' : '-';
            mine.ignored += action.sa_handler == SIG_IGN ? 'x' : '-';
        }
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        mine.files = limit.rlim_cur;
        ::getrlimit(RLIMIT_CORE, &limit);
        mine.core = limit.rlim_cur;
        mine.nice = ::getpriority(PRIO_PROCESS, 0);
        mine.processors = mp::cpu_count();
        return mine;
    }
};
void change_and_compare() {
    sigset_t mask;
    ::sigemptyset(&mask);
    ::sigaddset(&mask, SIGUSR2);
    ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
    rlimit files{300, 300}, core{0, 0};
    ::setrlimit(RLIMIT_NOFILE, &files);
    ::setrlimit(RLIMIT_CORE, &core);
    ::setpriority(PRIO_PROCESS, 0, 7);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &one);
    ::sched_setaffinity(0, sizeof one, &one);
    mp::Queue<Likeness> out;
    mp::Process child([](mp::Queue<Likeness> to) { to.put(Likeness::own()); }, out);
    child.start();
    const bool alike = out.get() == Likeness::own();
    child.join();
    mp::exit(alike ? 0 : 1);
}
TEST_P(StartMethods, make_children_that_look_like_their_requester) {
    // In a process of its own, since some of it cannot be taken back; the fork server runs before.
    mp::Process warm(nothing);
    warm.start();
    warm.join();
    mp::Process process(change_and_compare);
    process.start();
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
}

TEST_P(StartMethods, hand_the_authkey_on) {
    const mp::AuthKey before = mp::current_process().authkey();
    EXPECT_EQ(before.size(), 32u);
    mp::current_process().set_authkey("a key of the test");
    mp::Queue<bool> out;
    mp::Process process(
        [](mp::Queue<bool> same) { same.put(mp::current_process().authkey() == "a key of the test"); },
        out);
    // It was made with this one.
    mp::current_process().set_authkey(before);
    process.start();
    EXPECT_EQ(process.handle().authkey(), "a key of the test");
    EXPECT_TRUE(out.get());
    process.join();
    EXPECT_THROW(process.handle().set_authkey("x"), mp::StateError);
}

void report_own_file(mp::Queue<std::string> out) {
    char path[4096] = {};
    if (::readlink("/proc/self/exe", path, sizeof path - 1) > 0) out.put(path);
}
// conformance: process.set_executable
// There is no setter: what runs is always the program's own file, whatever it is called.
TEST_P(StartMethods, run_the_programs_own_file) {
    mp::Queue<std::string> out;
    mp::Process process(report_own_file, out);
    process.start();
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
    report_own_file(out);
    const std::string childs = out.get_nowait();
    EXPECT_EQ(out.get_nowait(), childs);
}

TEST_P(StartMethods, give_the_child_dev_null_as_stdin) {
    mp::Process process([] {
        char byte;
        mp::exit(::read(STDIN_FILENO, &byte, 1) == 0 ? 0 : 1);
    });
    process.start();
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
}

}  // namespace
