// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// What pools can be told, and what they tell of themselves.

#include <procession/function.hpp>
#include <procession/limits.hpp>
#include <procession/placement.hpp>
#include <procession/process.hpp>
#include <procession/timeout.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace procession::inline v0 {

/// How far a map is.
struct Progress {
    std::uint64_t done = 0;                   ///< items whose results have come
    std::optional<std::uint64_t> total = {};  ///< none: the input is still being read
    std::chrono::nanoseconds elapsed{0};
};

/// How a pool is to be.
struct PoolOptions {
    /// What each worker calls before its first task; arguments by mp::bind. If it throws, that is the error of
    /// every task.
    Function<void()> initializer = {};
    /// How many tasks a worker does before another takes its place; 0: no limit. Each item of a map is one.
    std::size_t maxtasksperchild = 0;
    std::optional<StartMethod> start_method = {};  ///< default: get_start_method()
    Timeout task_timeout = {};                     ///< of each task, from when it begins
    /// How often a task is run again whose worker died of it.
    int max_retries = 0;
    Limits limits = {};        ///< of each worker
    Placement placement = {};  ///< on which processors the workers run
    std::function<void(Progress)> progress = {};
    /// While the pool is there, the first Ctrl-C (SIGINT) ends it in order: what was begun is finished, what was not
    /// throws CancelledError, and so does a submission. The second ends its workers at once, and a third this
    /// process. Workers never answer Ctrl-C themselves.
    bool ends_on_interrupt = false;
    /// A worker that has more bytes of memory of its own than that, or is older, is replaced between two tasks, by one
    /// that is ready then. 0, none: no limit.
    std::size_t maxmemoryperchild = 0;
    Timeout maxageperchild = {};
    /// What a task that is to end is given: after its stop request, and again after SIGTERM.
    std::chrono::nanoseconds grace = std::chrono::seconds(1);
};

/// How a pool of threads is to be.
struct ThreadPoolOptions {
    /// What each thread calls before its first task. If it throws, that is the error of every task.
    std::function<void()> initializer = {};
    /// Of each task, from when it begins. One that is late is asked to stop by its std::stop_token.
    Timeout task_timeout = {};
};

/// How one task is to be done, where that is not as the pool's options say.
struct TaskOptions {
    Timeout timeout = {};
    std::optional<int> max_retries = {};
    int priority = 0;  ///< above zero: before the others; below: after them
};

/// One worker of a pool.
struct WorkerStats {
    std::string name;
    int pid = 0;
    std::string task = {};                ///< what it runs; empty: nothing
    std::chrono::nanoseconds running{0};  ///< for how long
    std::size_t resident = 0;             ///< bytes of memory of its own
    std::uint64_t done = 0;               ///< tasks
};

/// A pool at one moment.
struct PoolStats {
    std::vector<WorkerStats> workers = {};
    std::uint64_t queued = 0;  ///< tasks that nobody has begun
    std::uint64_t running = 0;
    std::uint64_t done = 0;     ///< tasks whose results have come, also exceptions
    std::uint64_t failed = 0;   ///< those of them that came to nothing: exception, death, time limit
    std::uint64_t retried = 0;  ///< runs after a worker's death
    std::uint64_t died = 0;     ///< workers that ended without being told to
    /// How Limits::resident is enforced: "", by "cgroup", or by "watcher", with the reason why not by cgroup.
    std::string resident_enforced_by = {};
};

}  // namespace procession::inline v0
