// SPDX-License-Identifier: Apache-2.0
#include "os/thread_cache.hpp"

#include <chrono>
#include <utility>

namespace procession::inline v0::os {
namespace {

constexpr std::chrono::seconds longest_idle(5);

}  // namespace

void ThreadCache::run(std::function<void()> task) {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
        Worker& worker = *idle_.front();
        idle_.pop_front();
        worker.task = std::move(task);
        worker.called.notify_one();
    } else {
        sweep();
        Worker& worker = workers_.emplace_back();
        worker.task = std::move(task);
        try {
            worker.thread.emplace(
                name_, [this, &worker] { work(worker); }, ServiceThread::Stack::usual);
        } catch (...) {
            workers_.pop_back();
            throw;
        }
    }
    ++busy_;
}

void ThreadCache::work(Worker& worker) {
    std::unique_lock lock(mutex_);
    for (;;) {
        if (worker.task) {
            auto task = std::exchange(worker.task, nullptr);
            lock.unlock();
            task();
            task = nullptr;
            lock.lock();
            --busy_;
            changed_.notify_all();
            idle_.push_front(&worker);
        }
        const bool is_called =
            worker.called.wait_for(lock, longest_idle, [&] { return worker.task || ends_; });
        if (worker.task) continue;
        if (!is_called || ends_) {
            idle_.remove(&worker);
            worker.is_over = true;
            return;
        }
    }
}

// Those that have ended are waited for, which takes no time.
void ThreadCache::sweep() {
    workers_.remove_if([](const Worker& worker) { return worker.is_over; });
}

bool ThreadCache::finish(const Deadline& deadline) {
    std::unique_lock lock(mutex_);
    const auto is_quiet = [this] { return busy_ == 0; };
    if (deadline.is_never())
        changed_.wait(lock, is_quiet);
    else if (!changed_.wait_until(lock, deadline.point(), is_quiet))
        return false;
    ends_ = true;
    for (Worker* const worker : idle_) worker->called.notify_one();
    std::list<Worker> ended = std::move(workers_);
    lock.unlock();
    ended.clear();
    return true;
}

std::size_t ThreadCache::busy() const {
    const std::lock_guard lock(mutex_);
    return busy_;
}

}  // namespace procession::inline v0::os
