// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/process.hpp>

#include <unistd.h>

#include <mutex>
#include <vector>

#include "os/cgroup.hpp"
#include "os/descriptor.hpp"
#include "process/ending.hpp"
#include "process/record.hpp"

namespace procession::inline v0::detail {

/// What this process knows of a process, shared by all that refer to it here.
struct ProcessState {
    // Before the start
    std::string name;
    std::string identity;
    bool daemon = false;
    StartMethod method = StartMethod::forkserver;
    Limits limits;
    std::vector<int> processors;    ///< that it may run on; empty: those of this process
    int stderr_fd = STDERR_FILENO;  ///< what it gets as its stderr; to be open until it is started
    std::shared_ptr<os::MemoryGroup> memory_group;  ///< that it is to be in; none: this process's
    std::optional<std::uint64_t> oom_kills_before;  ///< os::oom_kills(), for ending_of()
    int creator = 0;                                ///< pid of the process that made the object
    AuthKey authkey;                                ///< what it is started with

    // From the start on
    std::mutex mutex;  ///< guards what follows
    std::optional<Handle> record;
    os::Descriptor pidfd;
    bool own = false;  ///< a child of this process, to be reaped here
    bool closed = false;
    ExitCode code;
    std::optional<Ending> ending;  ///< once somebody has asked

    bool started() const { return record.has_value(); }
};

/// Waits for its end and notes how it was; false when the time has run out.
bool wait_for_end(ProcessState&, const os::Deadline&);

/// The processes that this one has started and not seen end.
void add_child(std::shared_ptr<ProcessState>);
std::vector<std::shared_ptr<ProcessState>> children();
void forget_children_after_fork();
/// Ends the daemons and waits for the other children: what a process does before it goes.
void end_children();

/// Among how many processes those processors are shared that this one may use: for cpu_count().
int processor_sharers();
void share_processors(int count);

/// Whether this process was started by the library.
bool is_child_process();
/// How processes are started here, unless the program says otherwise.
void inherit_start_method(StartMethod);

AuthKey current_authkey();
void set_current_authkey(AuthKey);

}  // namespace procession::inline v0::detail
