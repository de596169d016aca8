// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <sys/resource.h>

#include <filesystem>
#include <string>

#include "support/memory.hpp"

namespace procession::benchmark {

/// How often threads of this process went to sleep; each time one was woken.
inline double sleeps_of_this_process() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_nvcsw);
}

/// The same of another one's.
inline double sleeps_of(int pid) {
    double sleeps = 0;
    for (const auto& thread : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid)))
        sleeps += number_in(thread.path() / "status", "voluntary_ctxt_switches:");
    return sleeps;
}

}  // namespace procession::benchmark
