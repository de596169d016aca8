// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/pool_core.hpp>

#include <deque>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "os/cgroup.hpp"
#include "os/deadline.hpp"
#include "os/event.hpp"
#include "os/interrupt_watch.hpp"
#include "os/monitor.hpp"
#include "os/service_thread.hpp"
#include "pool/crew.hpp"
#include "pool/functions.hpp"
#include "pool/ledger.hpp"
#include "pool/pool_body.hpp"
#include "pool/task_list.hpp"
#include "process/finalize.hpp"
#include "process/placement.hpp"
#include "process/stderr_tail.hpp"

// A pool's process's side: what it has submitted, what has come of it, and who works.
//
// Whoever waits for a result looks for all that came, and hands it out (collect.cpp). A thread, the supervisor,
// waits for workers to end and for time to run out (supervise.cpp): it settles what a dead one had (settle.cpp), and has
// another take its seat (crew.cpp). A second thread calls back those who asked for it, and is there only if somebody did.

namespace procession::inline v0::pool {

/// The exception that a message is; or why it cannot be read.
std::exception_ptr read_exception(std::span<const std::byte>);

class Engine final : public detail::JobHost {
  public:
    Engine(const detail::PoolKind&, int processes, PoolOptions);
    ~Engine() override;
    void start();
    /// Ends workers and threads. What is not done is cancelled.
    void end() { end_(); }

    const PoolOptions& options() const { return options_; }
    std::uint32_t size() const { return wanted_; }

    // Submitting (submit.cpp)
    detail::Ref<KnownFunction> use(const detail::TaskFunction&);
    void submit(detail::Job&, const detail::Ref<KnownFunction>&, detail::Buffer& arguments);
    void submit_many(detail::Job&, const detail::Ref<KnownFunction>&, detail::MessageBlock,
                     std::uint64_t first, std::uint32_t count, std::uint32_t item_size,
                     std::size_t chunksize);
    void begin_many(detail::Job&, std::optional<std::uint64_t> total);
    void end_many(detail::Job&);
    void abandon(detail::Job&);

    // JobHost (collect.cpp)
    bool wait(detail::Job&, const Timeout&, const std::stop_token&) override;
    bool cancel(detail::Job&) override;
    bool is_running(const detail::Job&) override;
    void post(std::function<void()>) override;
    bool attend() override;
    std::mutex& mutex() override { return mutex_; }

    // The crew (supervise.cpp)
    void close();
    void terminate();
    bool join(const os::Deadline&, const std::stop_token&);
    void cancel_queued();
    std::vector<ProcessHandle> workers();
    PoolStats stats();
    void resize(int processes);

  private:
    using Lock = std::unique_lock<std::mutex>;
    enum class State { open, closed, terminated };
    /// What a worker is at.
    struct Running {
        std::uint32_t claim, item;
        std::uint64_t ticket;
        std::int64_t since;
    };

    /// How far a map is, where somebody wants to know.
    struct Report {
        std::chrono::steady_clock::time_point since = {}, last = {};
        std::uint64_t done = 0, submitted = 0;
        std::optional<std::uint64_t> total = {};
        Progress progress() const;
    };

    // All that begins here is called with the mutex held.
    void check_open() const;
    void append(std::uint64_t ticket, TaskEntry&, TaskForm);
    void give_back(std::uint64_t ticket, std::uint32_t first, std::uint32_t end);
    void collect();
    void take_up(const ResultHeader&, std::span<const std::byte> bytes);
    void deliver(std::uint64_t ticket, const detail::Results&);
    void deliver_exception(std::uint64_t ticket, std::uint32_t item, std::exception_ptr);
    void finish(std::uint64_t ticket, std::uint32_t count);
    std::exception_ptr cancelled() const;
    void drop_queued(std::uint64_t ticket, TaskEntry&, const std::exception_ptr&, bool cancels = false);
    void set_wake_at();
    void report(const detail::Job&, std::uint64_t count);
    void tell_workers(int how_many);
    void fail_all(const std::exception_ptr&, bool cancels = false);

    void on_end(std::uint32_t seat);
    void settle_what_it_had(std::uint32_t seat);
    void settle_culprit(Member&, std::uint64_t ticket, std::uint32_t item);
    std::exception_ptr death_of(Member&, const std::string& task, const std::string& what);
    void order_end(std::uint32_t seat, const Running&, Reason);
    std::optional<Running> running(std::uint32_t seat) const;
    void look_at_time_limits();
    void advance_ends();
    os::Deadline next_look() const;
    std::uint32_t free_seat();
    std::vector<std::uint32_t> seats_to_man();
    bool replaces_workers() const;
    std::uint32_t retiring() const;
    bool is_reserve_ready() const;
    void look_at_memory_and_age();
    void keep_open(Member&);
    bool is_over() const;
    bool is_any_ready() const;

    void end_once();
    void answer_interrupts();
    void terminate_now();
    void add_seats(std::uint32_t count);
    void start_worker(std::uint32_t seat);
    std::shared_ptr<os::MemoryGroup> make_memory_group();
    void forward(detail::StderrTail&) const;
    void supervise();
    void serve_callbacks();

    const detail::PoolKind kind_;
    const PoolOptions options_;
    heap::Heap& heap_;
    const heap::ParticipantId self_;
    PoolHandle handle_;
    PoolBody& body_;
    const std::uint64_t signal_mask_;  ///< of the thread that made the pool

    std::mutex mutex_;
    os::Waiters changed_;  ///< workers came or went, or all is done
    State state_ = State::open;
    std::exception_ptr broken_;  ///< why no worker can begin
    std::optional<Functions> functions_;
    std::deque<TaskAppender> lists_;
    Ledger ledger_;
    std::uint64_t received_ = 0;  ///< items whose results were sent here
    std::uint64_t queued_ = 0;    ///< items submitted, in all
    std::uint64_t done_ = 0, failed_ = 0, retried_ = 0, died_ = 0;
    std::vector<const detail::Job*> awaited_;
    std::unordered_map<const detail::Job*, Report> reports_;
    std::uint32_t shortest_limit_ = 0;  ///< of what is not done; milliseconds

    std::deque<Member> members_;         ///< by seat
    std::atomic<std::uint32_t> wanted_;  ///< how many are to work
    std::uint32_t names_ = 0;
    int deaths_at_start_ = 0;
    const detail::Places places_;
    bool watches_memory_ = false;
    std::string resident_enforced_by_;
    std::vector<std::unique_ptr<detail::StderrTail>> left_open_;  ///< of workers that have ended

    os::Event supervisor_calls_;
    bool ends_ = false;
    std::atomic<bool> is_gone_{false};  ///< nothing comes any more
    std::optional<os::InterruptWatch> interrupts_;
    int interrupts_answered_ = 0;
    std::optional<os::ServiceThread> supervisor_;

    std::deque<std::function<void()>> posted_;
    bool attends_ = false, callbacks_end_ = false;
    std::atomic<std::thread::id> callback_thread_{};
    std::optional<os::ServiceThread> callbacks_;

    detail::Finalizer end_;  ///< last: it needs the others
};

}  // namespace procession::inline v0::pool
