// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>
#include <procession/detail/thread_core.hpp>

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "os/deadline.hpp"
#include "os/monitor.hpp"
#include "os/service_thread.hpp"
#include "pool/thread_queue.hpp"
#include "process/finalize.hpp"

// A pool's threads take turns at the tasks (thread_turns.cpp). A thread of its own looks at the time, and another
// calls back those who asked for it; each is there only if somebody needs it.
//
// Nothing of the user's is called or destroyed under the mutex: stop requests are made, and tasks that were
// dropped go, once it was let go.

namespace procession::inline v0::pool {

/// One of a pool's threads.
struct ThreadMember {
    std::string name;
    bool retires = false, has_left = false;
    std::thread::id thread;
    detail::Turn* turn = nullptr;  ///< what it is at
    std::uint64_t done = 0;        ///< items
    std::optional<os::ServiceThread> service;
};

class ThreadEngine final : public detail::JobHost {
  public:
    using Task = ThreadQueue::Task;

    ThreadEngine(int threads, ThreadPoolOptions);
    ~ThreadEngine() override;
    void start();
    /// Ends the threads. What is not done is cancelled.
    void end() { end_(); }

    const ThreadPoolOptions& options() const { return options_; }
    std::size_t size() const { return wanted_; }

    void submit(Task);
    void begin_many(detail::Job&);
    void submit_many(Task);
    void end_many(detail::Job&);
    void abandon(detail::Job&);

    bool wait(detail::Job&, const Timeout&, const std::stop_token&) override;
    bool cancel(detail::Job&) override;
    bool is_running(const detail::Job&) override;
    void post(std::function<void()>) override;
    bool attend() override;
    std::mutex& mutex() override { return mutex_; }

    void close();
    void terminate();
    bool join(const os::Deadline&, const std::stop_token&);
    PoolStats stats();
    void resize(int threads);

    // Of turns:
    bool is_terminated() const { return is_terminated_.load(std::memory_order_relaxed); }
    std::stop_token stop_token(detail::Turn&);
    void finish(detail::Turn&, const std::function<std::uint64_t()>& hand_over);

  private:
    using Lock = std::unique_lock<std::mutex>;
    enum class State { open, closed, terminated };
    using Member = ThreadMember;
    struct Waiter {
        detail::Job& job;
        os::Waiters is_there = {};
    };
    /// What is to be done of what was found out under the mutex, once that was let go.
    struct Afterwards {
        std::vector<Task> dropped = {};
        std::vector<std::stop_source> to_stop = {};
        ~Afterwards() {
            for (std::stop_source& each : to_stop) each.request_stop();
        }
    };

    // All that begins here is called with the mutex held.
    void check_open() const;
    void append(Task, Afterwards&);
    void drop(Task&, const std::exception_ptr&, Afterwards&);
    void drop_all(const std::exception_ptr&, Afterwards&);
    void ask_to_stop(detail::Turn&, Afterwards&);
    void count_done(detail::Job&, std::uint64_t count, std::uint64_t failed);
    void wake_waiters();
    std::exception_ptr cancelled() const;
    std::exception_ptr instead_of(const detail::Turn&) const;
    ThreadQueue* queue_with_task();
    std::optional<detail::Turn> take(Member&);
    bool is_to_leave(const Member&);
    bool has_ended() const;
    static std::optional<os::Deadline> time_limit_of(const detail::Turn&);
    os::Deadline look_at_time_limits(Afterwards&);

    void cancel_all();
    void end_once();
    void add_members(std::uint32_t count);
    void work(Member&);
    void initialize();
    void watch_the_time();
    void serve_callbacks();

    const ThreadPoolOptions options_;
    const pid_t process_;

    std::mutex mutex_;
    std::condition_variable has_tasks_;
    os::Waiters changed_;  ///< threads have left, or all is done
    State state_ = State::open;
    std::atomic<bool> is_terminated_{false};
    std::exception_ptr broken_;          ///< what the initializer has thrown
    std::array<ThreadQueue, 3> queues_;  ///< those above zero, at zero, below
    std::uint64_t open_feeds_ = 0;       ///< maps whose input is still being read
    std::uint64_t submitted_ = 0, done_ = 0, failed_ = 0;
    std::uint32_t idle_ = 0;
    std::list<Waiter*> waiters_;

    std::mutex sizing_;  ///< held by the one who adds members
    std::list<Member> members_;
    std::atomic<std::uint32_t> wanted_;
    std::uint32_t names_ = 0;

    bool has_ended_ = false;
    std::condition_variable time_changed_;
    std::optional<os::ServiceThread> clock_;

    std::condition_variable has_calls_;
    std::deque<std::function<void()>> posted_;
    std::atomic<std::thread::id> callback_thread_{};
    std::optional<os::ServiceThread> callbacks_;

    detail::Finalizer end_;  ///< last: it needs the others
};

}  // namespace procession::inline v0::pool
