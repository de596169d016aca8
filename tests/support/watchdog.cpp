// SPDX-License-Identifier: Apache-2.0
#include "support/watchdog.hpp"

#include <dirent.h>
#include <execinfo.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <system_error>

namespace procession::test {
namespace {

// At the end of the real-time signals, where no test has plans.
int time_is_up() { return SIGRTMAX - 1; }
int print_your_stack() { return SIGRTMAX - 2; }

char watched[512];
std::atomic<int> stacks_printed = 0;

// From here on all is async-signal-safe in glibc: backtrace() once it has been called, snprintf() of
// numbers.

void say(std::string_view text) {
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

void print_stack(int) {
    std::array<void*, 64> frames;
    ::backtrace_symbols_fd(frames.data(), ::backtrace(frames.data(), frames.size()), STDERR_FILENO);
    ++stacks_printed;
}

void ask_for_stack(pid_t thread) {
    if (thread == ::gettid()) return print_stack(0);
    const int before = stacks_printed;
    if (::syscall(SYS_tgkill, ::getpid(), thread, print_your_stack()) != 0) return;
    for (int waits = 0; stacks_printed == before; ++waits) {
        if (waits == 1000) return say("  does not answer: it blocks signals, or sleeps in the kernel\n");
        ::poll(nullptr, 0, 1);
    }
}

template <class Visit>
void for_each_thread(Visit visit) {
    const int folder = ::open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    alignas(dirent64) char buffer[4096];
    for (;;) {
        const ssize_t size = ::getdents64(folder, buffer, sizeof buffer);
        if (size <= 0) break;
        for (ssize_t at = 0; at < size;) {
            const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
            at += entry->d_reclen;
            if (const pid_t thread = std::atoi(entry->d_name)) visit(thread, entry->d_name);
        }
    }
    ::close(folder);
}

// What a case forked would outlive us, and keep open what CTest reads our output from.
void end_children_of(pid_t process, pid_t thread) {
    char path[64], text[4096];
    std::snprintf(path, sizeof path, "/proc/%d/task/%d/children", process, thread);
    const int file = ::open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t size = ::read(file, text, sizeof text - 1);
    ::close(file);
    if (size <= 0) return;
    text[size] = '\0';
    for (char* at = text; *at;) {
        const auto child = static_cast<pid_t>(std::strtol(at, &at, 10));
        if (child == 0) return;
        end_children_of(child, child);
        ::kill(child, SIGKILL);
        at += *at == ' ';
    }
}

void end_the_program(int) {
    // Should a thread hold what the printing needs, the alarm's default action ends us.
    ::signal(SIGALRM, SIG_DFL);
    ::alarm(10);
    say("watchdog: ");
    say(watched);
    say(" takes longer than its limit (60 s times PROCESSION_TEST_TIME_FACTOR). Where its threads are "
        "(addr2line -Cfe PROGRAM OFFSET names what has no name):\n");
    for_each_thread([](pid_t thread, const char* name) {
        say("thread ");
        say(name);
        say(":\n");
        ask_for_stack(thread);
    });
    for_each_thread([](pid_t thread, const char*) { end_children_of(::getpid(), thread); });
    ::kill(::getpid(), SIGKILL);
}

void handle(int signal, void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    ::sigaction(signal, &action, nullptr);
}

std::chrono::nanoseconds limit() {
    const char* text = std::getenv("PROCESSION_TEST_TIME_FACTOR");
    const double factor = text ? std::atof(text) : 1;
    return std::chrono::nanoseconds(std::llround(60e9 * (factor > 0 ? factor : 1)));
}

}  // namespace

Watchdog::Watchdog() {
    void* frame;
    ::backtrace(&frame, 1);
    handle(time_is_up(), end_the_program);
    handle(print_your_stack(), print_stack);
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = time_is_up();
    if (::timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0)
        throw std::system_error(errno, std::generic_category(), "watchdog: timer_create");
}

void Watchdog::OnTestStart(const testing::TestInfo& info) {
    watch(std::string(info.test_suite_name()) + "." + info.name());
}
void Watchdog::OnTestEnd(const testing::TestInfo&) { arm(false); }
void Watchdog::OnTestProgramEnd(const testing::UnitTest&) { watch("the program's end"); }

void Watchdog::watch(const std::string& what) {
    std::strncpy(watched, what.c_str(), sizeof watched - 1);
    arm(true);
}

void Watchdog::arm(bool on) {
    itimerspec when{};
    if (on) {
        const auto nanoseconds = limit().count();
        when.it_value = {static_cast<time_t>(nanoseconds / 1'000'000'000),
                         static_cast<long>(nanoseconds % 1'000'000'000)};
    }
    ::timer_settime(timer_, 0, &when, nullptr);
}

}  // namespace procession::test
