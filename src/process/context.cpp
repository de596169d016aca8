// SPDX-License-Identifier: Apache-2.0
#include <procession/context.hpp>

#include <fmt/format.h>
#include <sched.h>
#include <procession/error.hpp>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "process/state.hpp"

// Where the program has OpenMP.
extern "C" __attribute__((weak)) void omp_set_num_threads(int);

namespace procession::inline v0 {
namespace detail {
namespace {
int sharers = 1;
}  // namespace
}  // namespace detail

namespace {

std::atomic<int> chosen{-1};

StartMethod default_method() {
    const char* text = std::getenv("PROCESSION_START_METHOD");
    if (!text) return StartMethod::forkserver;
    const std::string_view name = text;
    if (name == "fork") return StartMethod::fork;
    if (name == "spawn") return StartMethod::spawn;
    if (name == "forkserver") return StartMethod::forkserver;
    throw ValueError(
        fmt::format("PROCESSION_START_METHOD=\"{}\": no start method. Write fork, spawn or "
                    "forkserver.",
                    name));
}

// Processors' worth of time that the control group allows; none where it does not say.
std::optional<int> quota() {
    std::ifstream file("/sys/fs/cgroup/cpu.max");
    double limit = 0, period = 0;
    if (!(file >> limit >> period) || limit <= 0 || period <= 0) return std::nullopt;
    return std::max(1, static_cast<int>(std::ceil(limit / period)));
}

}  // namespace

void set_start_method(StartMethod method, bool force) {
    int unset = -1;
    if (!chosen.compare_exchange_strong(unset, static_cast<int>(method))) {
        if (!force)
            throw StateError(
                "set_start_method: it is set already; call it once, at the start of main, "
                "or with force = true");
        chosen = static_cast<int>(method);
    }
}

StartMethod get_start_method() {
    int unset = -1;
    if (chosen.load() < 0) chosen.compare_exchange_strong(unset, static_cast<int>(default_method()));
    return static_cast<StartMethod>(chosen.load());
}

std::vector<StartMethod> get_all_start_methods() {
    return {StartMethod::forkserver, StartMethod::spawn, StartMethod::fork};
}

int cpu_count() {
    cpu_set_t set;
    int count = ::sched_getaffinity(0, sizeof set, &set) == 0
                    ? CPU_COUNT(&set)
                    : static_cast<int>(std::thread::hardware_concurrency());
    if (const auto allowed = quota()) count = std::min(count, *allowed);
    return std::max(count / detail::sharers, 1);
}

namespace detail {
int processor_sharers() { return sharers; }
void share_processors(int count) {
    sharers = std::max(count, 1);
    if (omp_set_num_threads && !std::getenv("OMP_NUM_THREADS")) omp_set_num_threads(cpu_count());
}

void inherit_start_method(StartMethod method) { chosen = static_cast<int>(method); }
}  // namespace detail

}  // namespace procession::inline v0
