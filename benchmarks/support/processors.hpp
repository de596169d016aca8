// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <sched.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

namespace procession::benchmark {

/// Those that this process may use.
inline std::vector<int> processors() {
    cpu_set_t set;
    ::sched_getaffinity(0, sizeof set, &set);
    std::vector<int> result;
    for (int i = 0; i < CPU_SETSIZE; ++i)
        if (CPU_ISSET(i, &set)) result.push_back(i);
    return result;
}

/// @param pid  of a thread, or a process that has one; 0: this thread
inline void pin_to(int processor, pid_t pid = 0) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    if (::sched_setaffinity(pid, sizeof set, &set) != 0)
        throw std::system_error(errno, std::generic_category(), "sched_setaffinity");
}

/// Every thread that the process has; those that they make then are there as well.
inline void pin_threads_to(int processor, pid_t pid) {
    for (const auto& thread : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid)))
        pin_to(processor, std::stoi(thread.path().filename()));
}

/// Keeps this thread on the first of its processors as long as it lives.
class Pinned {
  public:
    Pinned() {
        ::sched_getaffinity(0, sizeof before_, &before_);
        pin_to(processors().front());
    }
    ~Pinned() { ::sched_setaffinity(0, sizeof before_, &before_); }
    Pinned(Pinned&&) = delete;

  private:
    cpu_set_t before_;
};

}  // namespace procession::benchmark
