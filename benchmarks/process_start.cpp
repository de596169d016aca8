// SPDX-License-Identifier: Apache-2.0

// What it costs to start a process and to join it, beside fork and posix_spawn in the same run: from a
// small parent, and from one with 2 GiB touched in 4 KiB pages and 100 threads. Medians of interleaved
// passes, in microseconds.

#include <procession/mp.hpp>

#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <semaphore>
#include <thread>
#include <vector>

namespace {

void nothing() {}

void by_procession(mp::StartMethod method) {
    mp::Process process({.start_method = method}, nothing);
    process.start();
    process.join();
}

void by_fork() {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(0);
    ::waitpid(pid, nullptr, 0);
}

void by_posix_spawn() {
    char name[] = "/bin/true";
    char* arguments[] = {name, nullptr};
    pid_t pid = 0;
    ::posix_spawn(&pid, name, nullptr, nullptr, arguments, ::environ);
    ::waitpid(pid, nullptr, 0);
}

void compare(const char* parent, int passes) {
    using Clock = std::chrono::steady_clock;
    const std::vector<std::pair<const char*, std::function<void()>>> ways = {
        {"procession forkserver", [] { by_procession(mp::StartMethod::forkserver); }},
        {"procession spawn", [] { by_procession(mp::StartMethod::spawn); }},
        {"procession fork", [] { by_procession(mp::StartMethod::fork); }},
        {"fork + waitpid", by_fork},
        {"posix_spawn /bin/true", by_posix_spawn}};
    std::vector<std::vector<double>> times(ways.size());
    for (int pass = -2; pass < passes; ++pass)
        for (std::size_t i = 0; i < ways.size(); ++i) {
            const auto begin = Clock::now();
            ways[i].second();
            const std::chrono::duration<double, std::micro> time = Clock::now() - begin;
            if (pass >= 0) times[i].push_back(time.count());
        }
    for (auto& each : times) std::sort(each.begin(), each.end());
    const double fork = times[3][times[3].size() / 2];
    for (std::size_t i = 0; i < ways.size(); ++i) {
        const double median = times[i][times[i].size() / 2];
        fmt::print("{:<12} {:<24} {:>10.1f} us   {:>8.2f} x fork + waitpid\n", parent, ways[i].first,
                   median, median / fork);
    }
}

}  // namespace

int main() {
    utsname system{};
    ::uname(&system);
    fmt::print("{} processors, Linux {}, {} {}\n", mp::cpu_count(), system.release, "gcc", __VERSION__);
    compare("small", 101);

    constexpr std::size_t size = 2ull << 30;
    auto* memory = static_cast<char*>(
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    ::madvise(memory, size, MADV_NOHUGEPAGE);
    for (std::size_t i = 0; i < size; i += 4096) memory[i] = 1;
    std::counting_semaphore<> stop(0);
    std::vector<std::jthread> threads;
    for (int i = 0; i < 100; ++i) threads.emplace_back([&stop] { stop.acquire(); });
    compare("2 GiB, 100t", 31);
    stop.release(100);
}
