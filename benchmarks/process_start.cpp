// SPDX-License-Identifier: Apache-2.0

// What it costs to start a process that does nothing and to join it, beside fork, posix_spawn and
// CPython in the same run: from a small parent, and from one with 2 GiB touched in 4 KiB pages and 100
// threads.

#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <semaphore>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "support/comparison.hpp"
#include "support/python.hpp"
#include "support/surroundings.hpp"

namespace {

using namespace procession::benchmark;

// ---------------------------------------------------------------- the peers

template <class F>
auto timed(F function) {
    return [=] { return time_of_each<std::chrono::microseconds>(1, function); };
}

void nothing() {}

auto by_procession(mp::StartMethod method) {
    return timed([method] {
        mp::Process process({.start_method = method}, nothing);
        process.start();
        process.join();
    });
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

void compare(const std::string& parent, int turns) {
    Python python("process_start.py", parent);
    Comparison comparison("Start and join from a " + parent + " parent", "us");
    comparison.add("fork + waitpid", timed(by_fork));
    comparison.add("posix_spawn /bin/true", timed(by_posix_spawn));
    comparison.add("procession forkserver", by_procession(mp::StartMethod::forkserver));
    comparison.add("procession spawn", by_procession(mp::StartMethod::spawn));
    comparison.add("procession fork", by_procession(mp::StartMethod::fork));
    if (python)
        for (const char* method : {"forkserver", "spawn", "fork"})
            comparison.add(python.name(method), [&python, method] { return python.ask(method); });
    comparison.run(turns);
}

// ---------------------------------------------------------------- the parents

/// Makes this process a big one for as long as it lives.
class Weight {
  public:
    Weight() {
        memory_ = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory_ == MAP_FAILED)
            throw std::system_error(errno, std::generic_category(), "mmap of 2 GiB");
        ::madvise(memory_, size, MADV_NOHUGEPAGE);
        for (std::size_t at = 0; at < size; at += 4096) static_cast<char*>(memory_)[at] = 1;
        for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { stop_.acquire(); });
    }
    Weight(Weight&&) = delete;
    ~Weight() {
        stop_.release(threads);
        ::munmap(memory_, size);
    }

  private:
    static constexpr std::size_t size = 2ull << 30;
    static constexpr int threads = 100;
    void* memory_;
    std::counting_semaphore<> stop_{0};
    std::vector<std::jthread> threads_;
};

}  // namespace

int main() try {
    print_surroundings();
    compare("small", 101);
    const Weight weight;
    compare("big", 31);
} catch (const std::exception& error) {
    fmt::print(stderr, "process_start: {}\n", error.what());
    return 1;
}
