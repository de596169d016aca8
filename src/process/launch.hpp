// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/process.hpp>

#include <cstdint>

#include "log/log.hpp"
#include "os/descriptor.hpp"
#include "os/inherited.hpp"
#include "process/record.hpp"

namespace procession::inline v0::detail {

/// Everything that a process needs to know to become what was asked for. Lies in the heap as a message
/// that refers to the objects among the arguments; the arguments themselves follow it.
struct Launch {
    PlaceName entry;
    os::Inherited inherited;
    LogState log;
    StartMethod method;
    Limits limits;
    std::uint64_t parent;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(entry.module, entry.build_id, entry.offset, inherited, log.level, log.to_stderr,
                method,
                limits, parent);
    }
};

/// Which process is asked for: sent to the fork server, and to a spare.
struct LaunchOrder {
    static constexpr std::uint32_t has_stdout = 1, has_stderr = 2, is_daemon = 4;
    std::uint64_t launch;
    std::uint64_t record;
    std::uint64_t serial;  ///< of the record
    std::uint32_t flags;   ///< which descriptors come along, in this order
};

/// A process that was made, and waits to be claimed.
struct Launched {
    int pid;
    os::Descriptor pidfd;
    bool own;  ///< a child of this process: to be reaped here
};

/// Writes the launch message; it belongs to this process until the child is claimed.
std::uint64_t write_launch(const Handle& record, const PlaceName& entry, StartMethod,
                           const Limits&, const Buffer& arguments);

/// A fresh run of the program's own file.
Launched launch_spawned(const LaunchOrder&);
/// A child of the fork server, which is started where there is none.
Launched launch_served(const LaunchOrder&);

/// The program's file in a new process, with the descriptors of the mark; see takeover.cpp.
Launched run_own_file(const std::string& role, bool daemon);
/// Where a daemon's new process finds the read end of its parent's lifeline.
inline constexpr int inherited_daemon_lifeline = 5;

/// Runs in a new process made by the other two methods, until its end.
[[noreturn]] void run_child(const LaunchOrder&);
/// Runs in a forked child, until its end.
[[noreturn]] void run_forked(Process&, const Handle& record, const Limits&);
/// Serves launches until the program's first process is gone.
[[noreturn]] void run_fork_server();

}  // namespace procession::inline v0::detail
