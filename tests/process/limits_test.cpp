// SPDX-License-Identifier: Apache-2.0

// What a process may use, and where it runs, by every start method.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <array>
#include <csignal>
#include <memory>
#include <vector>

#include "heap/heap.hpp"
#include "os/descriptor.hpp"
#include "os/processors.hpp"
#include "process/state.hpp"
#include "support/expect.hpp"
#include "support/start_methods.hpp"
#include "support/targets.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;
namespace os = procession::os;

constexpr std::size_t mebibyte = std::size_t{1} << 20;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

class ProcessLimits : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, ProcessLimits, all_start_methods(), name_of_parameter);

template <class F, class... A>
mp::ExitCode end_of_limited(mp::Limits limits, F function, A... arguments) {
    mp::Process process({.limits = limits}, function, arguments...);
    process.start();
    process.join();
    return process.exitcode();
}

void expect_rlimit(int resource, rlim_t soft, rlim_t hard) {
    rlimit limit{};
    ::getrlimit(static_cast<__rlimit_resource>(resource), &limit);
    if (limit.rlim_cur != soft || limit.rlim_max != hard) mp::exit(1);
}
TEST_P(ProcessLimits, are_the_systems_in_the_new_process) {
    EXPECT_EQ(
        end_of_limited({.open_files = 321}, expect_rlimit, RLIMIT_NOFILE, rlim_t{321}, rlim_t{321}), 0);
    EXPECT_EQ(end_of_limited({.cpu = 77s}, expect_rlimit, RLIMIT_CPU, rlim_t{77}, rlim_t{82}), 0);
    if (sanitized) return;
    const rlim_t memory = 3072 * mebibyte, arena = procession::heap::Heap::program().header().size;
    EXPECT_EQ(end_of_limited({.data = memory}, expect_rlimit, RLIMIT_DATA, memory, memory), 0);
    EXPECT_EQ(
        end_of_limited({.memory = memory}, expect_rlimit, RLIMIT_AS, memory + arena, memory + arena), 0);
}

void run_limited(mp::Limits limits, int resource, rlim_t soft, rlim_t hard) {
    mp::exit(end_of_limited(limits, expect_rlimit, resource, soft, hard).value_or(2));
}
TEST_P(ProcessLimits, are_inherited_and_the_stricter_of_two_holds) {
    const rlim_t most = 300, less = 250;
    EXPECT_EQ(end_of_limited({.open_files = 300}, run_limited, mp::Limits{}, RLIMIT_NOFILE, most, most),
              0);
    EXPECT_EQ(end_of_limited({.open_files = 300}, run_limited, mp::Limits{.open_files = 400},
                             RLIMIT_NOFILE, most, most),
              0);
    EXPECT_EQ(end_of_limited({.open_files = 300}, run_limited, mp::Limits{.open_files = 250},
                             RLIMIT_NOFILE, less, less),
              0);
}

int new_and_touch(std::size_t bytes) {
    try {
        const auto memory = std::make_unique<char[]>(bytes);
        return memory[bytes - 1];
    } catch (const std::bad_alloc&) {
        return 7;
    }
}
void exit_with_allocation(std::size_t bytes) { mp::exit(new_and_touch(bytes)); }
TEST_P(ProcessLimits, of_memory_passed_are_bad_alloc) {
    if (sanitized) GTEST_SKIP() << "a sanitizer maps more than any limit leaves";
    EXPECT_EQ(end_of_limited({.memory = 256 * mebibyte}, exit_with_allocation, 64 * mebibyte), 0);
    EXPECT_EQ(end_of_limited({.memory = 256 * mebibyte}, exit_with_allocation, 512 * mebibyte), 7);
    EXPECT_EQ(end_of_limited({.data = 128 * mebibyte}, exit_with_allocation, 64 * mebibyte), 0);
    EXPECT_EQ(end_of_limited({.data = 128 * mebibyte}, exit_with_allocation, 256 * mebibyte), 7);
}

void run_on_and_on() {
    for (volatile unsigned n = 0;;) n = n + 1;
}
TEST_P(ProcessLimits, of_processor_time_passed_are_SIGXCPU) {
    EXPECT_EQ(end_of_limited({.cpu = 1s}, run_on_and_on), -SIGXCPU);
    EXPECT_EQ(-SIGXCPU, -24);
}

void open_until_refused() {
    for (std::vector<os::Descriptor> opened;;) {
        opened.emplace_back(::open("/dev/null", O_RDONLY));
        if (!opened.back()) mp::exit(errno);
    }
}
TEST_P(ProcessLimits, of_open_files_passed_are_EMFILE) {
    EXPECT_EQ(end_of_limited({.open_files = 100}, open_until_refused), EMFILE);
}

void start_one_by_each_method() {
    for (const auto method : mp::get_all_start_methods()) {
        mp::Process process = mp::get_context(method).Process(exit_with, 0);
        process.start();
        process.join();
        if (process.exitcode() != 0) mp::exit(1);
    }
}
TEST_P(ProcessLimits, of_few_open_files_leave_a_process_able_to_start_others) {
    EXPECT_EQ(end_of_limited({.open_files = 64}, start_one_by_each_method), 0);
}

void expect_nice(int value) { mp::exit(::getpriority(PRIO_PROCESS, 0) == value ? 0 : 1); }
TEST_P(ProcessLimits, say_how_nice_a_process_is_to_the_others) {
    const int mine = ::getpriority(PRIO_PROCESS, 0);
    EXPECT_EQ(end_of_limited({.nice = 4}, expect_nice, mine + 4), 0);
}

TEST(Limits, that_nobody_could_live_with_are_refused) {
    const auto text_of = [](mp::Limits limits) -> std::string {
        try {
            const mp::Process process({.limits = limits}, nothing);
        } catch (const mp::ValueError& error) {
            return error.what();
        }
        return "accepted";
    };
    expect_parts(text_of({.open_files = -1}), {"Process", "Limits::open_files is -1", "at least 1"});
    expect_parts(text_of({.memory = 0}), {"Limits::memory is 0"});
    expect_parts(text_of({.cpu = 0s}), {"Limits::cpu is 0"});
    expect_parts(text_of({.data = 0}), {"Limits::data is 0"});
    expect_parts(text_of({.resident = 0}), {"Limits::resident is 0"});
    EXPECT_EQ(text_of({.memory = 1, .cpu = 1s, .open_files = 1, .data = 1, .resident = 1}), "accepted");
}

// As an ordinary user's process: what it has lowered it cannot raise.
void give_up_raising_limits() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    std::array<__user_cap_data_struct, 2> sets{};
    ::syscall(SYS_capget, &header, sets.data());
    constexpr auto bit = std::uint32_t{1} << CAP_SYS_RESOURCE;
    sets[0].effective &= ~bit;
    sets[0].permitted &= ~bit;
    ::syscall(SYS_capset, &header, sets.data());
}
mp::ExitCode end_by_fork_server(void (*function)()) {
    mp::Process process({.start_method = mp::StartMethod::forkserver}, function);
    process.start();
    process.join();
    return process.exitcode();
}
rlimit open_files() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    return limit;
}
TEST(Limits, of_who_starts_the_fork_server_first_are_not_those_of_everybody) {
    mp::Process ordinary({.start_method = mp::StartMethod::fork}, [] {
        give_up_raising_limits();
        const rlimit mine = open_files();
        mp::Process limited({.start_method = mp::StartMethod::fork, .limits = {.open_files = 100}},
                            [] { mp::exit(end_by_fork_server(nothing).value_or(2)); });
        limited.start();
        limited.join();
        if (limited.exitcode() != 0) mp::exit(3);
        mp::Process free({.start_method = mp::StartMethod::forkserver}, expect_rlimit, RLIMIT_NOFILE,
                         mine.rlim_cur, mine.rlim_max);
        free.start();
        free.join();
        mp::exit(free.exitcode().value_or(4));
    });
    ordinary.start();
    ordinary.join();
    EXPECT_EQ(ordinary.exitcode(), 0);
}

// ---------------------------------------------------------------- where it runs

mp::ExitCode end_of_placed(std::vector<int> processors, void (*function)(std::vector<int>)) {
    mp::Process process({}, function, processors);
    procession::detail::internals_of(process).processors = processors;
    process.start();
    process.join();
    return process.exitcode();
}

void expect_processors(std::vector<int> processors) {
    mp::exit(os::usable_processors() == processors ? 0 : 1);
}
TEST_P(ProcessLimits, keep_a_process_on_the_processors_that_it_was_given) {
    for (const int cpu : os::usable_processors()) EXPECT_EQ(end_of_placed({cpu}, expect_processors), 0);
    EXPECT_EQ(end_of_placed(os::usable_processors(), expect_processors), 0);
}

TEST_P(ProcessLimits, report_processors_that_there_are_none_of) {
    EXPECT_EQ(end_of_placed({8191}, expect_processors), 1);
}

}  // namespace
