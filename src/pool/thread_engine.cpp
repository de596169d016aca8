// SPDX-License-Identifier: Apache-2.0
#include "pool/thread_engine.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "pool/functions.hpp"

namespace procession::inline v0::pool {

using detail::Job;
using detail::Turn;
using std::chrono::steady_clock;

namespace {

// As CPython's pool.
constexpr int exit_priority = 15;

std::uint32_t checked_size(int threads) {
    if (threads >= 1) return static_cast<std::uint32_t>(threads);
    throw ValueError(
        fmt::format("ThreadPool: {} threads are asked for; there must be 1 or more. Leave the "
                    "number out for one per processor.",
                    threads));
}

std::size_t level_of(const Job& job) {
    const int priority = job.settings.priority;
    return priority > 0 ? 0 : priority == 0 ? 1 : 2;
}

}  // namespace

ThreadEngine::ThreadEngine(int threads, ThreadPoolOptions options)
    : options_(std::move(options)),
      process_(::getpid()),
      wanted_(checked_size(threads)),
      end_([this] { end_once(); }, exit_priority) {
    detail::shut_down_at_exit();
}

ThreadEngine::~ThreadEngine() = default;

void ThreadEngine::start() { add_members(wanted_); }

// ---------------------------------------------------------------- submitting

void ThreadEngine::check_open() const {
    if (state_ == State::open) return;
    throw ValueError(fmt::format(
        "ThreadPool: it is {}; nothing can be submitted any more. Submit before that, or make "
        "another.",
        state_ == State::closed ? "closed" : "terminated"));
}

void ThreadEngine::append(Task task, Afterwards& afterwards) {
    Job& job = *task->job_;
    const std::uint32_t count = task->count_;
    if (broken_) {
        job.expect(count);
        submitted_ += count;
        return drop(task, broken_, afterwards);
    }
    if (job.settings.time_limit != Job::Settings::no_limit && !clock_)
        clock_.emplace(
            "pool clock", [this] { watch_the_time(); }, os::ServiceThread::Stack::usual);
    job.ticket = queues_[level_of(job)].push(std::move(task));
    job.expect(count);
    submitted_ += count;
    if (idle_ == 0) return;
    if (count == 1)
        has_tasks_.notify_one();
    else
        has_tasks_.notify_all();
}

void ThreadEngine::submit(Task task) {
    Afterwards afterwards;
    const Lock lock(mutex_);
    check_open();
    append(std::move(task), afterwards);
}

void ThreadEngine::begin_many(Job& job) {
    const Lock lock(mutex_);
    check_open();
    job.expect(1);
    ++open_feeds_;
}

void ThreadEngine::submit_many(Task task) {
    Afterwards afterwards;
    const Lock lock(mutex_);
    // What was begun before close() goes on.
    if (state_ == State::terminated) std::rethrow_exception(cancelled());
    append(std::move(task), afterwards);
}

void ThreadEngine::end_many(Job& job) {
    const Lock lock(mutex_);
    --open_feeds_;
    if (state_ != State::open) has_tasks_.notify_all();
    if (job.came(1)) job.settle();
    wake_waiters();
}

void ThreadEngine::abandon(Job& job) {
    cancel(job);
    end_many(job);
}

// ---------------------------------------------------------------- results

void ThreadEngine::count_done(Job& job, std::uint64_t count, std::uint64_t failed) {
    done_ += count;
    failed_ += failed;
    if (job.came(count)) job.settle();
    wake_waiters();
    if (done_ == submitted_) changed_.notify_all();
}

void ThreadEngine::wake_waiters() {
    for (Waiter* const waiter : waiters_)
        if (waiter->job.is_there()) waiter->is_there.notify_all();
}

bool ThreadEngine::wait(Job& job, const Timeout& timeout, const std::stop_token& stop) {
    if (job.is_there()) return true;
    if (job.is_settled() && std::this_thread::get_id() == callback_thread_.load()) return true;
    const os::Deadline deadline = os::Deadline::after(timeout);
    if (deadline.expired()) return false;
    Lock lock(mutex_);
    Waiter waiter{job};
    const auto place = waiters_.insert(waiters_.end(), &waiter);
    const os::Waited waited = waiter.is_there.wait(lock, deadline, stop, [&] { return job.is_there(); });
    waiters_.erase(place);
    if (waited == os::Waited::stopped)
        throw CancelledError("ThreadPool: the wait for a result was stopped");
    return waited == os::Waited::ready;
}

// ---------------------------------------------------------------- cancelling

std::exception_ptr ThreadEngine::cancelled() const {
    return std::make_exception_ptr(CancelledError("ThreadPool: the task was cancelled"));
}

// Nobody is to begin what is left of it: that comes to `error`.
void ThreadEngine::drop(Task& task, const std::exception_ptr& error, Afterwards& afterwards) {
    const std::uint32_t begin = std::exchange(task->next_, task->count_);
    for (std::uint32_t item = begin; item < task->count_; ++item)
        task->job_->on_exception(task->first_ + item, error);
    afterwards.dropped.push_back(std::move(task));
    const detail::ThreadTask& dropped = *afterwards.dropped.back();
    const std::uint64_t count = dropped.count_ - begin;
    if (count != 0) count_done(*dropped.job_, count, count);
}

void ThreadEngine::drop_all(const std::exception_ptr& error, Afterwards& afterwards) {
    for (ThreadQueue& queue : queues_)
        queue.for_each([&](Task& task) { drop(task, error, afterwards); });
}

void ThreadEngine::ask_to_stop(Turn& turn, Afterwards& afterwards) {
    turn.is_asked_ = true;
    if (turn.stop_) afterwards.to_stop.push_back(*turn.stop_);
}

bool ThreadEngine::cancel(Job& job) {
    Afterwards afterwards;
    bool any = false;
    const Lock lock(mutex_);
    if (job.is_settled() || job.is_cancelled()) return false;
    job.mark_cancelled();
    for (const Member& member : members_) {
        if (!member.turn || member.turn->task_->job_ != &job) continue;
        ask_to_stop(*member.turn, afterwards);
        any = true;
    }
    const auto drop_its = [&](Task& task) {
        if (!task || task->job_ != &job) return;
        drop(task, cancelled(), afterwards);
        any = true;
    };
    ThreadQueue& queue = queues_[level_of(job)];
    // What is left of a job is in the last of its tasks.
    if (job.Job::missing() == 1) {
        if (Task* const task = queue.find(job.ticket)) drop_its(*task);
    } else {
        queue.for_each(drop_its);
    }
    return any;
}

bool ThreadEngine::is_running(const Job& job) {
    const Lock lock(mutex_);
    return std::any_of(members_.begin(), members_.end(), [&](const Member& member) {
        return member.turn && member.turn->task_->job_ == &job;
    });
}

// ---------------------------------------------------------------- calling back

void ThreadEngine::post(std::function<void()> call) {
    posted_.push_back(std::move(call));
    has_calls_.notify_one();
}

bool ThreadEngine::attend() {
    if (has_ended_) return false;
    if (!callbacks_)
        callbacks_.emplace(
            "pool callbacks", [this] { serve_callbacks(); }, os::ServiceThread::Stack::usual);
    return true;
}

void ThreadEngine::serve_callbacks() {
    const detail::Ref<ThreadEngine> self(this);
    callback_thread_ = std::this_thread::get_id();
    Lock lock(mutex_);
    for (;;) {
        has_calls_.wait(lock, [this] { return !posted_.empty() || has_ended_; });
        if (posted_.empty()) return;
        std::function<void()> call = std::move(posted_.front());
        posted_.pop_front();
        lock.unlock();
        call();
        call = nullptr;
        lock.lock();
        wake_waiters();
    }
}

// ---------------------------------------------------------------- the pool's end

void ThreadEngine::close() {
    const Lock lock(mutex_);
    if (state_ == State::open) state_ = State::closed;
    has_tasks_.notify_all();
}

void ThreadEngine::cancel_all() {
    Afterwards afterwards;
    const Lock lock(mutex_);
    if (state_ == State::terminated) return;
    state_ = State::terminated;
    is_terminated_ = true;
    for (const Member& member : members_)
        if (member.turn) ask_to_stop(*member.turn, afterwards);
    drop_all(cancelled(), afterwards);
    has_tasks_.notify_all();
}

void ThreadEngine::terminate() {
    cancel_all();
    join(os::Deadline::never(), {});
}

bool ThreadEngine::has_ended() const {
    // Maps that are still being read have threads left, but need not be waited for: who waits may be the one
    // that reads.
    if (state_ == State::closed && open_feeds_ != 0) return done_ == submitted_;
    return std::all_of(members_.begin(), members_.end(), [](const Member& member) {
        return member.has_left || member.thread == std::this_thread::get_id();
    });
}

bool ThreadEngine::join(const os::Deadline& deadline, const std::stop_token& stop) {
    Lock lock(mutex_);
    if (state_ == State::open)
        throw ValueError(
            "ThreadPool::join: the pool is still running. Call close() or terminate() first.");
    const os::Waited waited = changed_.wait(lock, deadline, stop, [this] { return has_ended(); });
    if (waited == os::Waited::stopped) throw CancelledError("ThreadPool::join: the wait was stopped");
    return waited == os::Waited::ready;
}

void ThreadEngine::end_once() {
    // A child that was forked has none of its parent's threads.
    if (process_ != ::getpid()) return;
    terminate();
    {
        const Lock lock(mutex_);
        has_ended_ = true;
        has_calls_.notify_all();
        time_changed_.notify_all();
    }
    clock_.reset();
    // A thread that ends its own pool, by exit() say, is left to itself, and what it needs of the engine with it.
    const std::thread::id self = std::this_thread::get_id();
    if (callback_thread_.load() != self)
        callbacks_.reset();
    else
        callbacks_->detach();
    members_.remove_if([&](const Member& member) { return member.thread != self; });
    for (Member& member : members_) member.service->detach();
}

// ---------------------------------------------------------------- looking at it

PoolStats ThreadEngine::stats() {
    const Lock lock(mutex_);
    PoolStats stats;
    for (const Member& member : members_) {
        if (member.has_left) continue;
        WorkerStats worker{.name = member.name, .pid = process_};
        worker.done = member.done;
        if (const Turn* const turn = member.turn) {
            worker.task = name_of_function(turn->task_->name_.code, turn->task_->name_.type_name);
            worker.running = steady_clock::now() - turn->since_;
            ++stats.running;
        }
        stats.workers.push_back(std::move(worker));
    }
    stats.queued = submitted_ - done_ - std::min(stats.running, submitted_ - done_);
    stats.done = done_;
    stats.failed = failed_;
    return stats;
}

void ThreadEngine::resize(int threads) {
    const std::uint32_t wanted = checked_size(threads);
    const std::lock_guard sizing(sizing_);
    std::uint32_t missing = 0;
    std::list<Member> ended;
    {
        const Lock lock(mutex_);
        check_open();
        wanted_ = wanted;
        std::uint32_t staying = 0;
        for (auto member = members_.begin(); member != members_.end();) {
            const auto here = member++;
            if (here->has_left)
                ended.splice(ended.end(), members_, here);
            else if (!here->retires && ++staying > wanted)
                here->retires = true;
        }
        missing = wanted - std::min(staying, wanted);
        has_tasks_.notify_all();
    }
    add_members(missing);
}

}  // namespace procession::inline v0::pool
