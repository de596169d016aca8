// SPDX-License-Identifier: Apache-2.0

// The same work by threads, which share the process's id, and by processes, which each have their own.
// The lock keeps their lines apart: between threads the standard library's, between processes ours.

#include <fmt/core.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <cstdio>
#include <mutex>
#include <thread>
#include <vector>

template <class AnyLock>
void work(std::string sign, AnyLock& lock) {
    const std::scoped_lock guard(lock);
    fmt::print("{} {}\n", sign, ::getpid());
    std::fflush(stdout);
}

int main() {
    fmt::print("Main: {}\n", ::getpid());

    std::mutex between_threads;
    std::vector<std::thread> threads;
    for (int i = 0; i < 5; ++i)
        threads.emplace_back(work<std::mutex>, "thread", std::ref(between_threads));
    for (auto& thread : threads) thread.join();

    mp::Lock between_processes;
    std::vector<mp::Process> processes;
    for (int i = 0; i < 5; ++i) {
        processes.emplace_back(work<mp::Lock>, "process", between_processes);
        processes.back().start();
    }
    for (auto& process : processes) process.join();
}
