// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <poll.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "os/error.hpp"
#include "support/proc.hpp"
#include "support/waiting.hpp"

namespace procession::test {

/// Whether a descriptor is readable now.
inline bool is_readable(int fd) {
    pollfd polled{fd, POLLIN, 0};
    return os::checked(os::retry_on_signal([&] { return ::poll(&polled, 1, 0); }), "test", "poll") == 1;
}

inline void wait_until_readable(int fd) {
    pollfd polled{fd, POLLIN, 0};
    os::checked(os::retry_on_signal([&] { return ::poll(&polled, 1, -1); }), "test", "poll");
}

/// This process's threads that wait beside queues.
inline std::vector<pid_t> bell_threads() {
    std::vector<pid_t> found;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
        std::string name;
        std::getline(std::ifstream(task.path() / "comm"), name);
        if (name == "procession-bell") found.push_back(std::stoi(task.path().filename()));
    }
    return found;
}

/// Until they have seen how their queues are, and sleep.
inline void wait_until_bell_threads_sleep() {
    for (const pid_t thread : bell_threads()) wait_until([&] { return thread_state(thread) == 'S'; });
}

}  // namespace procession::test
