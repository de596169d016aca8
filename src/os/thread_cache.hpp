// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <optional>

#include "os/deadline.hpp"
#include "os/service_thread.hpp"

namespace procession::inline v0::os {

/// Threads that do one thing after another: one that has nothing to do gets the next, and ends when nothing has
/// come for a while.
class ThreadCache {
  public:
    /// @param name  of its threads, up to 15 bytes
    explicit ThreadCache(const char* name) : name_(name) {}
    /// Waits for what is being done.
    ~ThreadCache() { static_cast<void>(finish(Deadline::never())); }
    ThreadCache(ThreadCache&&) = delete;

    /// Does it in a thread, which must not throw. @throws std::system_error  there can be no more threads
    void run(std::function<void()> task);
    /// Waits until nothing is done any more. @returns false: the time ran out
    bool finish(const Deadline& deadline);
    std::size_t busy() const;

  private:
    struct Worker {
        std::condition_variable called;
        std::function<void()> task;
        std::optional<ServiceThread> thread;
        bool is_over = false;
    };

    void work(Worker& worker);
    void sweep();

    const char* const name_;
    mutable std::mutex mutex_;  ///< guards what follows
    std::condition_variable changed_;
    std::list<Worker> workers_;
    std::list<Worker*> idle_;  ///< the one that became so last is first
    std::size_t busy_ = 0;
    bool ends_ = false;
};

}  // namespace procession::inline v0::os
