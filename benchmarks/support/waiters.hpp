// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/crew.hpp"

namespace procession::benchmark {

/// The processor time that another process has used.
inline std::chrono::nanoseconds processor_time(int pid) {
    clockid_t clock;
    ::clock_getcpuclockid(pid, &clock);
    timespec time;
    ::clock_gettime(clock, &time);
    return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

/// Processes that wait for the same thing.
struct Waiters {
    Waiters(std::string name, std::function<void()> wait, std::function<void()> end)
        : name(std::move(name)), end(std::move(end)) {
        for (int i = 0; i < 8; ++i) processes.push_back(forked(wait));
    }
    std::string name;
    std::function<void()> end;
    std::vector<mp::Process> processes;
    std::vector<std::chrono::nanoseconds> used = {};
};

/// What they cost while nothing happens. Ends them.
inline void print_idle(std::vector<Waiters>& all) {
    constexpr auto time = std::chrono::seconds(10);
    constexpr double target = 0.05;
    // Until all are there.
    std::this_thread::sleep_for(std::chrono::seconds(1));
    for (Waiters& waiters : all)
        for (mp::Process& process : waiters.processes)
            waiters.used.push_back(-processor_time(*process.pid()));
    std::this_thread::sleep_for(time);
    for (Waiters& waiters : all)
        for (std::size_t i = 0; i < waiters.used.size(); ++i)
            waiters.used[i] += processor_time(*waiters.processes[i].pid());

    fmt::print("\nWaiting for {} s: 8 processes each, in % of a processor\n{:<28} {:>9} {:>9}\n",
               time.count(), "", "median", "most");
    for (Waiters& waiters : all) {
        for (mp::Process& process : waiters.processes)
            if (!process.is_alive()) throw std::runtime_error(waiters.name + ": one did not wait");
        waiters.end();
        for (mp::Process& process : waiters.processes) process.join();
        std::sort(waiters.used.begin(), waiters.used.end());
        const auto percent = [&](std::chrono::nanoseconds used) {
            return 100 * std::chrono::duration<double>(used) / time;
        };
        const double most = percent(waiters.used.back());
        fmt::print("{:<28} {:>9.4f} {:>9.4f}  < {:g} {}\n", waiters.name,
                   percent(waiters.used[waiters.used.size() / 2]), most, target,
                   most < target ? "met" : "MISSED");
    }
}

}  // namespace procession::benchmark
