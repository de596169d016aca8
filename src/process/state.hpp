// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/process.hpp>

#include <mutex>

#include "os/descriptor.hpp"
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
    int creator = 0;  ///< pid of the process that made the object
    AuthKey authkey;  ///< what it is started with

    // From the start on
    std::mutex mutex;  ///< guards what follows
    std::optional<Handle> record;
    os::Descriptor pidfd;
    bool own = false;  ///< a child of this process, to be reaped here
    bool closed = false;
    ExitCode code;

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

/// Whether this process was started by the library.
bool is_child_process();
/// How processes are started here, unless the program says otherwise.
void inherit_start_method(StartMethod);

AuthKey current_authkey();
void set_current_authkey(AuthKey);

}  // namespace procession::inline v0::detail
