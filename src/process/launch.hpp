// SPDX-License-Identifier: Apache-2.0
#pragma once

// How a process is started: one file for each method, launch_fork.cpp, launch_spawn.cpp and
// launch_forkserver.cpp. What it is to become travels as a message in the heap.

#include <procession/process.hpp>

#include <cstdint>
#include <span>
#include <vector>

#include "log/log.hpp"
#include "os/descriptor.hpp"
#include "os/inherited.hpp"
#include "process/record.hpp"

namespace procession::inline v0::detail {

/// Everything that a process needs to know to become what was asked for. Lies in the heap as a message
/// that refers to the objects among the arguments, and goes with the process's record; the arguments
/// themselves follow it.
struct Launch {
    PlaceName entry = {};
    os::Inherited inherited = {};  ///< of a fork itself: nothing
    LogState log = {};
    StartMethod method = {};
    Limits limits = {};
    std::vector<int> processors = {};  ///< empty: as inherited
    std::string memory_group = {};     ///< its folder; empty: as inherited
    std::uint64_t parent = 0;
    std::string authkey = {};

    template <class Archive>
    void serialize(Archive& archive) {
        archive(entry.module, entry.build_id, entry.offset, inherited, log.level, log.to_stderr, method,
                limits, processors, memory_group, parent, authkey);
    }
};

/// Which process is asked for.
struct LaunchOrder {
    static constexpr std::uint32_t has_stdout = 1, has_stderr = 2, is_daemon = 4;
    std::uint64_t launch;
    std::uint64_t record;
    std::uint64_t serial;   ///< of the record
    std::uint32_t flags;    ///< which descriptors it has
    bool descriptors_sent;  ///< those come along, in this order; else it has them already
};

/// A process that was started.
struct Launched {
    int pid;
    os::Descriptor pidfd;
    bool own;  ///< a child of this process: to be reaped here
};

/// Writes the launch message of a record's process.
LaunchOrder write_launch(const Handle& record, const FunctionEntry&, Launch, const Buffer& arguments);

/// Waits until a new process holds its record or has ended: before that, the record and the arguments
/// go with this process. @returns whether it holds it
bool await_begin(const ProcessRecord&, const Launched&);

/// A copy of this process, which is given those objects. `stderr_fd` is what it gets as its stderr.
Launched launch_forked(Process&, const Handle& record, const Launch&,
                       std::span<const heap::Offset> given, int stderr_fd);
/// A fresh run of the program's own file; it has begun when this returns.
Launched launch_spawned(const LaunchOrder&, int stderr_fd);

/// Runs the program's own file in a new process, in the given role, with the descriptors of the mark;
/// see takeover.cpp.
Launched run_own_file(const std::string& role, bool daemon, int stderr_fd);
/// Says so on stderr, in a new process.
void say_cannot_begin(const std::exception&) noexcept;
/// Says that such a process ended before it took up its role.
[[noreturn]] void throw_did_not_begin(const char* what, int code);
/// Where a daemon's new process finds the read end of its parent's lifeline.
inline constexpr int inherited_daemon_lifeline = 5;

/// In a new process made by another method than fork: becomes what was ordered, until its end.
/// `now` is how this process is.
[[noreturn]] void run_child(const LaunchOrder&, const os::Inherited& now);
/// Does once, for nothing, what run_child does: a copy's first touch of each page costs more than the
/// work on it, and is had before the process is waited for.
void rehearse(const os::Inherited& now);
/// In a forked child: runs the process, until its end.
[[noreturn]] void run_forked(Process&, const Handle& record, std::uint64_t serial, bool with_threads,
                             const Launch&, std::span<const heap::Offset> given);

}  // namespace procession::inline v0::detail
