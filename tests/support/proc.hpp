// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace procession::test {

/// What /proc says of a process.
struct ProcessEntry {
    pid_t pid;
    std::string name;  ///< its comm
    char state;        ///< R, S, D, T, Z, ...
    pid_t parent;
};

/// None when there is no such process.
std::optional<ProcessEntry> process_entry(pid_t);
std::vector<ProcessEntry> processes();

/// Until a process has gone to sleep, or is none any more.
void wait_until_asleep(pid_t);
/// How often a process's first thread has gone to sleep.
long sleeps_of(pid_t);

/// The state of one thread of this process; 0 when it has ended.
char thread_state(pid_t thread);

/// This process's open descriptors, and what each is.
std::map<int, std::string> open_descriptors();

}  // namespace procession::test
