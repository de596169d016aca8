// SPDX-License-Identifier: Apache-2.0
#include "os/process_life.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "os/error.hpp"
#include "os/pidfd.hpp"

namespace procession::inline v0::os {
namespace {

std::optional<std::uint64_t> start_time_of(pid_t pid) {
    std::ifstream file(fmt::format("/proc/{}/stat", pid));
    std::string line;
    if (!std::getline(file, line)) return std::nullopt;
    // The program's name may hold anything, so fields are counted from the ')' behind it: the third is
    // the first, and the start time is the 22nd (proc(5)).
    const auto name_end = line.rfind(')');
    if (name_end == line.npos) return std::nullopt;
    std::istringstream fields(line.substr(name_end + 1));
    std::string skipped;
    for (int field = 3; field < 22; ++field) fields >> skipped;
    std::uint64_t ticks = 0;
    if (!(fields >> ticks)) return std::nullopt;
    return ticks;
}

}  // namespace

ProcessLife own_life() {
    const auto start_time = start_time_of(::getpid());
    if (!start_time) throw_errno("process", "read(/proc/self/stat)", "/proc must be mounted.", ENOENT);
    return {::getpid(), *start_time};
}

bool is_over(const ProcessLife& life) {
    // Readable also when it is a zombie, but not when only its first thread has ended.
    if (wait_readable(pidfd_open_even_if_gone(life.pid).get(), Deadline::now())) return true;
    const auto start_time = start_time_of(life.pid);
    return start_time && *start_time != life.start_time;
}

std::uint32_t pid_namespace() {
    struct stat info {};
    checked(::stat("/proc/self/ns/pid", &info), "process", "stat(/proc/self/ns/pid)",
            "/proc must be mounted.");
    return static_cast<std::uint32_t>(info.st_ino);
}

}  // namespace procession::inline v0::os
