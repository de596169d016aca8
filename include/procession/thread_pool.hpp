// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Threads that do tasks.

#include <procession/detail/thread_core.hpp>
#include <procession/pool.hpp>

#include <memory>
#include <utility>

namespace procession::inline v0 {

/// A pool of threads of this process that do tasks: what Pool does, without other processes.
///
/// Nothing is sent, so everything may be given: lambdas with captures, references to what is shared, values
/// that can only be moved. A function is one object that all threads call. A task cannot be ended from
/// outside: one that is cancelled, or out of its time, is asked to stop by its std::stop_token, and its result is
/// CancelledError or TimeoutError once it has ended.
///
/// terminate() and the destructor wait for what is being run, but called by a task they do not wait for that.
/// @par Thread safety   safe, but for moves and destruction
/// @par Process safety  for the process that made it
/// @see Python: multiprocessing.pool.ThreadPool
class ThreadPool : public detail::PoolCalls<detail::ThreadCore> {
  public:
    /// Starts so many threads. @throws ValueError  less than 1 @throws std::system_error  the system has no
    /// more threads for this process; none is left behind
    explicit ThreadPool(int threads = cpu_count(), ThreadPoolOptions options = {})
        : PoolCalls(std::make_shared<detail::ThreadCore>(threads, std::move(options))) {}
    explicit ThreadPool(ThreadPoolOptions options) : ThreadPool(cpu_count(), std::move(options)) {}
};

}  // namespace procession::inline v0
