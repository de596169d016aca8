// SPDX-License-Identifier: Apache-2.0
#include "pool/engine.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "os/process_memory.hpp"
#include "os/signals.hpp"
#include "process/limits.hpp"

namespace procession::inline v0::pool {

using detail::Job;
using std::chrono::steady_clock;

namespace {

// As CPython's pool.
constexpr int exit_priority = 15;

std::uint32_t checked_size(const char* name, int processes) {
    if (processes >= 1) return static_cast<std::uint32_t>(processes);
    throw ValueError(
        fmt::format("{}: {} processes are asked for; there must be 1 or more. Leave the "
                    "number out for one per processor.",
                    name, processes));
}

}  // namespace

Engine::Engine(const detail::PoolKind& kind, int processes, PoolOptions options)
    : kind_(kind),
      options_(std::move(options)),
      heap_(heap::Heap::program()),
      self_(heap_.self()),
      body_(heap::body<PoolBody>(heap_, handle_.offset())),
      signal_mask_(os::signal_mask()),
      wanted_(checked_size(kind.name, processes)),
      places_(options_.placement, os::Topology::read(), kind.name),
      end_([this] { end_once(); }, exit_priority) {
    detail::check_limits(options_.limits, kind.name);
    // Exit handlers that are registered from now on run while it is still there.
    detail::shut_down_at_exit();
    body_.wake_at = UINT64_MAX;
    functions_.emplace(heap_, handle_.offset());
    // What is given back was submitted before: there must be room for it.
    for (TaskList& list : body_.tasks)
        lists_.emplace_back(heap_, handle_.offset(), list,
                            lists_.empty() ? heap::Use::control : heap::Use::message);
    add_seats(wanted_);
}

void Engine::start() {
    if (!kind_.on_demand) {
        try {
            for (std::uint32_t seat = 0; seat < wanted_; ++seat) start_worker(seat);
        } catch (...) {
            for (Member& member : members_)
                if (member.process) member.process->kill();
            for (Member& member : members_)
                if (member.process) member.process->join();
            throw;
        }
    }
    if (options_.ends_on_interrupt) interrupts_.emplace(supervisor_calls_);
    // It begins with the one in reserve.
    if (replaces_workers()) supervisor_calls_.set();
    supervisor_.emplace(
        "pool supervisor", [this] { supervise(); }, os::ServiceThread::Stack::usual);
}

Engine::~Engine() = default;

void Engine::end_once() {
    if (heap_.self() != self_) {
        // A child that was forked has none of its parent's threads and workers.
        if (supervisor_) supervisor_->forget();
        if (callbacks_) callbacks_->forget();
        return;
    }
    if (kind_.waits_at_the_end)
        close();
    else
        terminate();
    join(os::Deadline::never(), {});
    {
        Lock lock(mutex_);
        ends_ = true;
        callbacks_end_ = true;
        supervisor_calls_.set();
        notify_all(body_.has_results);
    }
    supervisor_.reset();
    interrupts_.reset();
    callbacks_.reset();
    Lock lock(mutex_);
    is_gone_ = true;
    notify_all(body_.has_results);
    changed_.wait(lock, os::Deadline::never(), {}, [this] { return awaited_.empty(); });
    functions_.reset();
}

void Engine::close() {
    const Lock lock(mutex_);
    if (state_ == State::open) state_ = State::closed;
    body_.closed = 1;
    tell_all_workers(body_);
    supervisor_calls_.set();
}

void Engine::terminate() {
    const Lock lock(mutex_);
    terminate_now();
}

// The first Ctrl-C lets the tasks end that were begun, the second does not.
void Engine::answer_interrupts() {
    if (!interrupts_ || interrupts_->count() == interrupts_answered_) return;
    interrupts_answered_ = interrupts_->count();
    if (interrupts_answered_ > 1) return terminate_now();
    if (state_ == State::open) state_ = State::closed;
    body_.closed = 1;
    collect();
    fail_all(std::make_exception_ptr(CancelledError(
                 fmt::format("{}: interrupted by Ctrl-C before the task was begun", kind_.name))),
             true);
    tell_all_workers(body_);
}

void Engine::terminate_now() {
    if (state_ == State::terminated) return;
    collect();
    state_ = State::terminated;
    body_.closed = 1;
    for (Member& member : members_) {
        member.reason = Reason::terminated;
        member.signals_sent = 0;
        member.next_signal = os::Deadline::now();
    }
    fail_all(cancelled(), true);
    tell_all_workers(body_);
    supervisor_calls_.set();
}

void Engine::cancel_queued() {
    const Lock lock(mutex_);
    collect();
    fail_all(cancelled(), true);
}

bool Engine::join(const os::Deadline& deadline, const std::stop_token& stop) {
    Lock lock(mutex_);
    if (state_ == State::open)
        throw ValueError(
            fmt::format("{}::join: the pool is still running. Call close() or "
                        "terminate() first.",
                        kind_.name));
    const auto over = [this] {
        if (shows_message(heap_, body_.results)) collect();
        return queued_ == done_ && std::all_of(members_.begin(), members_.end(), [](const Member& m) {
                   return m.state == Member::absent;
               });
    };
    // At the program's end there may be nobody who looks.
    if (!supervisor_) return over();
    const os::Waited waited = changed_.wait(lock, deadline, stop, over);
    if (waited == os::Waited::stopped)
        throw CancelledError(fmt::format("{}::join: the wait was stopped", kind_.name));
    return waited == os::Waited::ready;
}

std::vector<ProcessHandle> Engine::workers() {
    const Lock lock(mutex_);
    std::vector<ProcessHandle> workers;
    for (const Member& member : members_)
        if (member.state == Member::working && !member.is_reserve)
            workers.push_back(member.process->handle());
    return workers;
}

PoolStats Engine::stats() {
    const Lock lock(mutex_);
    collect();
    PoolStats stats;
    for (std::uint32_t index = 0; index < members_.size(); ++index) {
        const Member& member = members_[index];
        if (member.state != Member::working || member.is_reserve) continue;
        WorkerStats worker{.name = member.name, .pid = member.pid};
        if (const auto memory = os::memory_of(member.pid)) worker.resident = memory->own();
        worker.done = body_.seat(heap_, index).done.load() - member.tasks_before;
        if (const auto runs = running(index)) {
            worker.task = ledger_[runs->ticket].function->name();
            worker.running =
                steady_clock::now() - steady_clock::time_point(std::chrono::nanoseconds(runs->since));
            ++stats.running;
        }
        stats.workers.push_back(std::move(worker));
    }
    stats.queued = queued_ - done_ - std::min(stats.running, queued_ - done_);
    stats.done = done_;
    stats.failed = failed_;
    stats.retried = retried_;
    stats.died = died_;
    stats.resident_enforced_by = resident_enforced_by_;
    return stats;
}

void Engine::resize(int processes) {
    const std::uint32_t wanted = checked_size(kind_.name, processes);
    const Lock lock(mutex_);
    check_open();
    add_seats(wanted);
    wanted_ = wanted;
    std::uint32_t present = 0;
    for (std::uint32_t seat = 0; seat < members_.size(); ++seat)
        if (members_[seat].state != Member::absent && !members_[seat].is_reserve && ++present > wanted)
            body_.seat(heap_, seat).retires = 1;
    tell_all_workers(body_);
    supervisor_calls_.set();
}

}  // namespace procession::inline v0::pool
