// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/event_loop.hpp>

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <coroutine>
#include <exception>
#include <list>
#include <map>
#include <mutex>
#include <stop_token>

#include "coroutine/inbox.hpp"
#include "coroutine/ready.hpp"
#include "coroutine/watched.hpp"
#include "os/poll.hpp"

namespace procession::inline v0::coroutine {

class Root;

/// An EventLoop's: what is to be done in its thread, and when.
class Loop {
  public:
    using Timers = std::multimap<std::chrono::steady_clock::time_point, Errand*>;

    explicit Loop(EventLoop& its);
    ~Loop();
    Loop(Loop&&) = delete;

    /// The one that runs in this thread. @throws StateError  there is none, or it is another process's
    static Loop& current(const char* caller);
    static Loop* in_this_thread() noexcept;

    /// Takes a task over, until it is done or destroyed. By any thread.
    Root& start(Task<>, std::stop_token);
    void destroy(Root&) noexcept;
    /// Until that task is done, or until all are. @throws what one of them threw
    void run(Task<>);
    void run();
    void has_finished(Root&) noexcept;

    /// Resumes a coroutine, and those that go on thereby.
    void resume(std::coroutine_handle<> coroutine) {
        coroutine.resume();
        ready.resume_all();
    }
    /// Whether a coroutine may go on at once where it finds what it waits for: if it always might, the others
    /// would have to wait for as long as there is something.
    bool grants_another() noexcept { return granted_++ < most_grants; }
    bool is_of_this_process() const noexcept;

    EventLoop& event_loop;
    Inbox inbox;
    Watched watched;
    Timers timers;
    Ready ready;

  private:
    static constexpr int most_grants = 64;

    class Run;
    void check_process(const char* caller) const;
    void turn();
    bool wait();
    void do_errands();
    void do_timers(std::chrono::steady_clock::time_point now);
    void resume_first_waiters();
    /// Lets go of those that have finished, up to `one`, which is null then. @throws what one of them threw
    void bury(Root*& one);
    bool is_idle() const;

    const pid_t process_;
    const os::Interruption uninterrupted_{std::stop_token()};
    std::atomic<bool> runs_{false};
    int granted_ = 0;
    mutable std::mutex mutex_;  ///< of roots_
    std::list<Root> roots_;
    std::list<Root> finished_;
};

}  // namespace procession::inline v0::coroutine
