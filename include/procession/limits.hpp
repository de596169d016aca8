// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// What a process may use.

#include <chrono>
#include <cstddef>
#include <optional>

namespace procession::inline v0 {

/// What a process may use. None leaves what its parent has; of that and this, the stricter holds. The
/// process's own children inherit all of it, each for itself.
///
/// | passed       | what happens                                                                     |
/// |--------------|----------------------------------------------------------------------------------|
/// | `memory`     | std::bad_alloc; a stack that cannot grow is SIGSEGV                              |
/// | `cpu`        | SIGXCPU, which ends it: exit code -24. Where that is handled, SIGKILL 5 s later  |
/// | `open_files` | EMFILE, a std::system_error                                                      |
/// | `data`       | std::bad_alloc                                                                   |
/// | `resident`   | SIGKILL, from the kernel or from who watches it                                  |
/// @see getrlimit(2), getpriority(2)
struct Limits {
    /// Bytes of address space, whether used or not: of code, stacks (8 MiB for each thread), files that
    /// are mapped. The program's shared memory, which each of its processes maps whole, is not counted.
    std::optional<std::size_t> memory = {};
    /// Processor time of all its threads together, from its start on.
    std::optional<std::chrono::seconds> cpu = {};
    /// The number that its descriptors stay below.
    std::optional<int> open_files = {};
    /// Added to the parent's: -20 to 19, where less is more of the processor. Below zero needs
    /// CAP_SYS_NICE.
    int nice = 0;
    /// Bytes of private memory that it may write to: the heap, stacks, static objects. What counts when
    /// it is programs that are to be limited, rather than mappings.
    std::optional<std::size_t> data = {};
    /// Bytes of memory of its own that it has in RAM, which is what the machine runs out of. For workers
    /// of pools. Where control groups (cgroup v2) are delegated to this program, the kernel sees to it, and
    /// also counts what the worker is the first to write of shared memory; elsewhere the pool looks now and
    /// then, so it can be passed for a moment. A Process by itself has nobody who looks, and takes no
    /// notice of it.
    std::optional<std::size_t> resident = {};
};

}  // namespace procession::inline v0
