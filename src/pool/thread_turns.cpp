// SPDX-License-Identifier: Apache-2.0

// How a pool's threads do the tasks: in turns, of one item or of many short ones.

#include <fmt/format.h>

#include <algorithm>

#include "pool/functions.hpp"
#include "pool/thread_engine.hpp"

namespace procession::inline v0::pool {

using detail::Job;
using detail::Turn;
using std::chrono::microseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

namespace {

// A turn is to be longer than it takes to begin one, and short enough for the others to find something left.
constexpr microseconds short_turn(50), long_turn(200);
constexpr std::uint32_t most_in_a_turn = 1024;

}  // namespace

// ---------------------------------------------------------------- threads

void ThreadEngine::add_members(std::uint32_t count) {
    for (; count != 0; --count) {
        Member* member = nullptr;
        {
            const Lock lock(mutex_);
            member = &members_.emplace_back();
            member->name = fmt::format("PoolWorker-{}", ++names_);
        }
        try {
            member->service.emplace(
                member->name.c_str(), [this, member] { work(*member); },
                os::ServiceThread::Stack::usual);
        } catch (...) {
            const Lock lock(mutex_);
            members_.remove_if([&](const Member& each) { return &each == member; });
            throw;
        }
    }
}

void ThreadEngine::initialize() {
    try {
        if (options_.initializer) options_.initializer();
    } catch (...) {
        Afterwards afterwards;
        const Lock lock(mutex_);
        if (!broken_) broken_ = std::current_exception();
        drop_all(broken_, afterwards);
    }
}

bool ThreadEngine::is_to_leave(const Member& member) {
    if (member.retires || state_ == State::terminated) return true;
    return state_ == State::closed && open_feeds_ == 0 && !queue_with_task();
}

void ThreadEngine::work(Member& member) {
    const detail::Ref<ThreadEngine> self(this);
    {
        const Lock lock(mutex_);
        member.thread = std::this_thread::get_id();
    }
    initialize();
    Lock lock(mutex_);
    while (!is_to_leave(member)) {
        std::optional<Turn> turn = take(member);
        if (!turn) {
            ++idle_;
            has_tasks_.wait(lock);
            --idle_;
            continue;
        }
        member.turn = &*turn;
        if (time_limit_of(*turn)) time_changed_.notify_one();
        lock.unlock();
        turn->task_->run(*turn);
        // The task may go with its last turn, and with it what the user gave it.
        turn.reset();
        lock.lock();
    }
    member.has_left = true;
    changed_.notify_all();
}

// ---------------------------------------------------------------- turns

ThreadQueue* ThreadEngine::queue_with_task() {
    const auto found = std::find_if(queues_.begin(), queues_.end(),
                                    [](ThreadQueue& queue) { return queue.front() != nullptr; });
    return found == queues_.end() ? nullptr : &*found;
}

std::optional<Turn> ThreadEngine::take(Member& member) {
    ThreadQueue* const queue = queue_with_task();
    if (!queue) return std::nullopt;
    const Task task = queue->front();
    const std::uint32_t begin = task->next_, left = task->count_ - begin;
    std::size_t count =
        task->at_once_ != 0 ? task->at_once_ : std::min(task->adapted_, left / (2 * wanted_.load()) + 1);
    if (task->job_->settings.time_limit != Job::Settings::no_limit) count = 1;
    task->next_ += static_cast<std::uint32_t>(std::min<std::size_t>(count, left));
    if (task->next_ == task->count_) queue->pop();
    return Turn(*this, member, task, begin, task->next_);
}

std::stop_token ThreadEngine::stop_token(Turn& turn) {
    const Lock lock(mutex_);
    if (!turn.stop_) {
        turn.stop_.emplace();
        // Nobody has the token yet: nothing is called.
        if (turn.is_asked_) turn.stop_->request_stop();
    }
    return turn.stop_->get_token();
}

// What the items come to whatever was made of them; null if they count.
std::exception_ptr ThreadEngine::instead_of(const Turn& turn) const {
    if (is_terminated() || turn.task_->job_->is_cancelled()) return cancelled();
    if (broken_) return broken_;
    const auto limit = time_limit_of(turn);
    if (!limit || !limit->expired()) return nullptr;
    const detail::ThreadTask& task = *turn.task_;
    const std::chrono::duration<double> seconds = nanoseconds(task.job_->settings.time_limit);
    return std::make_exception_ptr(TimeoutError(
        fmt::format("ThreadPool: {} ran for longer than its time limit of {} s",
                    name_of_function(task.name_.code, task.name_.type_name), seconds.count())));
}

void ThreadEngine::finish(Turn& turn, const std::function<std::uint64_t()>& hand_over) {
    detail::ThreadTask& task = *turn.task_;
    const Lock lock(mutex_);
    const std::uint32_t count = turn.end_ - turn.begin_;
    std::uint64_t failed = count;
    if (const std::exception_ptr error = instead_of(turn)) {
        for (std::uint32_t item = turn.begin_; item < turn.end_; ++item)
            task.job_->on_exception(task.first_ + item, error);
    } else {
        failed = hand_over();
    }
    const auto took = steady_clock::now() - turn.since_;
    if (took < short_turn)
        task.adapted_ = std::min(2 * task.adapted_, most_in_a_turn);
    else if (took > long_turn)
        task.adapted_ = std::max(task.adapted_ / 2, 1U);
    turn.member_.turn = nullptr;
    turn.member_.done += count;
    count_done(*task.job_, count, failed);
}

// ---------------------------------------------------------------- time

std::optional<os::Deadline> ThreadEngine::time_limit_of(const Turn& turn) {
    const std::int64_t limit = turn.task_->job_->settings.time_limit;
    if (limit == Job::Settings::no_limit) return std::nullopt;
    return os::Deadline::at(turn.since_ + nanoseconds(limit));
}

// Asks those that are late to stop. @returns when the next one is late
os::Deadline ThreadEngine::look_at_time_limits(Afterwards& afterwards) {
    os::Deadline next = os::Deadline::never();
    for (const Member& member : members_) {
        if (!member.turn || member.turn->is_asked_) continue;
        const auto limit = time_limit_of(*member.turn);
        if (!limit) continue;
        if (limit->expired())
            ask_to_stop(*member.turn, afterwards);
        else if (limit->point() < next.point())
            next = *limit;
    }
    return next;
}

void ThreadEngine::watch_the_time() {
    for (;;) {
        // Declared first: the requests are made without the mutex.
        Afterwards afterwards;
        Lock lock(mutex_);
        if (has_ended_) return;
        const os::Deadline next = look_at_time_limits(afterwards);
        if (!afterwards.to_stop.empty()) continue;
        if (next.is_never())
            time_changed_.wait(lock);
        else
            time_changed_.wait_until(lock, next.point());
    }
}

}  // namespace procession::inline v0::pool

namespace procession::inline v0::detail {

ThreadTask::~ThreadTask() = default;

bool Turn::next() {
    if (next_ == end_ || engine_.is_terminated() || task_->job_->is_cancelled()) return false;
    ++next_;
    return true;
}
std::stop_token Turn::stop_token() { return engine_.stop_token(*this); }
void Turn::finish(const std::function<std::uint64_t()>& hand_over) { engine_.finish(*this, hand_over); }

}  // namespace procession::inline v0::detail
