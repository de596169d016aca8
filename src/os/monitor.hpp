// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>

#include "os/deadline.hpp"

namespace procession::inline v0::os {

/// How a wait ended.
enum class Waited { ready, timed_out, stopped };

/// Threads of this process that wait for a change of what a mutex guards.
class Waiters {
  public:
    using Lock = std::unique_lock<std::mutex>;

    /// Waits until `ready()`, which is called under the lock. What is ready at once is taken, stop or none.
    template <class Ready>
    Waited wait(Lock& lock, const Deadline& deadline, const std::stop_token& stop, const Ready& ready) {
        const bool came = deadline.is_never() ? changed_.wait(lock, stop, ready)
                                              : changed_.wait_until(lock, stop, deadline.point(), ready);
        if (came) return Waited::ready;
        return stop.stop_requested() ? Waited::stopped : Waited::timed_out;
    }
    /// The same of what one of them alone gets, as notify_one() tells it: who is stopped while it waits
    /// leaves that to the next.
    template <class Ready>
    Waited wait_for_turn(Lock& lock, const Deadline& deadline, const std::stop_token& stop,
                         const Ready& ready) {
        if (ready()) return Waited::ready;
        const Waited waited = wait(lock, deadline, stop, ready);
        if (waited != Waited::ready || !stop.stop_requested()) return waited;
        notify_one();
        return Waited::stopped;
    }
    void notify_one() { changed_.notify_one(); }
    void notify_all() { changed_.notify_all(); }

  private:
    std::condition_variable_any changed_;
};

/// A mutex, and threads of this process that wait for what it guards to change.
class Monitor : public Waiters {
  public:
    Lock lock() { return Lock(mutex_); }
    std::mutex& mutex() { return mutex_; }

  private:
    std::mutex mutex_;
};

}  // namespace procession::inline v0::os
