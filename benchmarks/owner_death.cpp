// SPDX-License-Identifier: Apache-2.0

// How long a waiter for a lock takes to have it after the holder was killed with SIGKILL: the
// heap's lock beside a robust mutex of pthread's. Interleaved passes, in microseconds.

#include <fmt/format.h>
#include <pthread.h>
#include <signal.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "heap/lock.hpp"

namespace {

using procession::heap::Heap;
using Clock = std::chrono::steady_clock;

struct Shared {
    procession::heap::LockWord word;
    pthread_mutex_t mutex;
    std::atomic<bool> held;
    std::atomic<Clock::rep> taken_at;
};

bool sleeps(pid_t pid) {
    std::string text;
    std::getline(std::ifstream("/proc/" + std::to_string(pid) + "/stat"), text);
    return text.compare(text.rfind(')') + 2, 1, "S") == 0;
}

pid_t in_child(const std::function<void()>& body) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        body();
        ::_exit(0);
    }
    return pid;
}

double microseconds_until_taken(Shared& shared,
                                const std::function<void(const std::function<void()>&)>& with_lock) {
    shared.held = false;
    const pid_t holder = in_child([&] {
        with_lock([&] {
            shared.held = true;
            for (;;) ::pause();
        });
    });
    while (!shared.held) std::this_thread::yield();
    const pid_t waiter =
        in_child([&] { with_lock([&] { shared.taken_at = Clock::now().time_since_epoch().count(); }); });
    while (!sleeps(waiter)) std::this_thread::yield();
    // At any moment of a timed sleep.
    static std::mt19937 random(1);
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 12'000));
    const auto begin = Clock::now();
    ::kill(holder, SIGKILL);
    ::waitpid(waiter, nullptr, 0);
    ::waitpid(holder, nullptr, 0);
    return static_cast<double>(shared.taken_at - begin.time_since_epoch().count()) / 1e3;
}

}  // namespace

int main() {
    utsname system{};
    ::uname(&system);
    fmt::print("{} processors, Linux {}, gcc {}\n", std::thread::hardware_concurrency(), system.release,
               __VERSION__);
    Heap& heap = Heap::program();
    auto& shared = *new (heap.at<Shared>(heap.allocate(sizeof(Shared)))) Shared;
    pthread_mutexattr_t attributes;
    ::pthread_mutexattr_init(&attributes);
    ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    ::pthread_mutex_init(&shared.mutex, &attributes);

    const auto heap_lock = [&](const std::function<void()>& body) {
        procession::heap::Operation operation(heap);
        const procession::heap::Guard guard(operation, shared.word, procession::heap::Recovery::none);
        body();
    };
    const auto robust_mutex = [&](const std::function<void()>& body) {
        if (::pthread_mutex_lock(&shared.mutex) == EOWNERDEAD) ::pthread_mutex_consistent(&shared.mutex);
        body();
        ::pthread_mutex_unlock(&shared.mutex);
    };
    std::vector<double> own, robust;
    for (int pass = 0; pass < 101; ++pass) {
        own.push_back(microseconds_until_taken(shared, heap_lock));
        robust.push_back(microseconds_until_taken(shared, robust_mutex));
    }
    for (auto& [name, times] : {std::pair<const char*, std::vector<double>&>{"heap lock", own},
                                {"pthread robust mutex", robust}}) {
        std::sort(times.begin(), times.end());
        fmt::print("{:<22} median {:>8.0f} us   9 of 10 within {:>8.0f} us   longest {:>8.0f} us\n",
                   name, times[times.size() / 2], times[times.size() * 9 / 10], times.back());
    }
}
