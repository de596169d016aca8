// SPDX-License-Identifier: Apache-2.0
#include "managers/caller.hpp"

#include <fmt/format.h>

namespace procession::inline v0::managers {

bool is_same_thread(const Caller& one, const Caller& other) {
    return one.client == other.client && one.thread == other.thread;
}

std::string describe(const Caller& caller) {
    const std::string pid = caller.pid ? fmt::format(" (pid {})", caller.pid) : "";
    if (caller.name.empty()) return "a process" + pid;
    return fmt::format("process \"{}\"{}", caller.name, pid);
}

std::string_view describe(Departure departure) {
    return departure == Departure::died ? "died" : "ended";
}

}  // namespace procession::inline v0::managers
