// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <future>
#include <latch>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "support/processors.hpp"

namespace procession::benchmark {

/// A pool as it is written by hand: one queue, one mutex, one condition. Its threads are pinned in turn.
class ThreadPool {
  public:
    ThreadPool(int size, const std::vector<int>& on) {
        for (int rank = 0; rank < size; ++rank)
            threads_.emplace_back([this, cpu = on[static_cast<std::size_t>(rank) % on.size()]] {
                pin_to(cpu);
                work();
            });
    }
    ~ThreadPool() {
        submit({});
        for (std::thread& thread : threads_) thread.join();
    }
    ThreadPool(ThreadPool&&) = delete;

    /// An empty task is the end.
    void submit(std::function<void()> task) {
        {
            const std::scoped_lock lock(mutex_);
            tasks_.push_back(std::move(task));
        }
        has_tasks_.notify_one();
    }

    template <class F>
    auto call(F function) {
        const auto task =
            std::make_shared<std::packaged_task<std::invoke_result_t<F>()>>(std::move(function));
        submit([task] { (*task)(); });
        return task->get_future();
    }

    /// Calls `function(i)` for each i below `count`, in tasks of `chunk`.
    template <class F>
    void for_each(std::size_t count, std::size_t chunk, F function) {
        std::latch done(static_cast<std::ptrdiff_t>((count + chunk - 1) / chunk));
        for (std::size_t begin = 0; begin < count; begin += chunk)
            submit([&done, &function, begin, end = std::min(count, begin + chunk)] {
                for (std::size_t i = begin; i < end; ++i) function(i);
                done.count_down();
            });
        done.wait();
    }

  private:
    void work() {
        while (const std::function<void()> task = take()) task();
    }
    std::function<void()> take() {
        std::unique_lock lock(mutex_);
        has_tasks_.wait(lock, [this] { return !tasks_.empty(); });
        if (!tasks_.front()) {
            has_tasks_.notify_one();
            return {};
        }
        std::function<void()> task = std::move(tasks_.front());
        tasks_.pop_front();
        return task;
    }

    std::mutex mutex_;
    std::condition_variable has_tasks_;
    std::deque<std::function<void()>> tasks_;
    std::vector<std::thread> threads_;
};

}  // namespace procession::benchmark
