// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/thread_task.hpp>

#include <cstdint>
#include <deque>
#include <utility>

namespace procession::inline v0::pool {

/// Tasks of threads in the order in which they came. One that is taken out leaves its place empty, so that every
/// other is still found by its ticket.
class ThreadQueue {
  public:
    using Task = detail::Ref<detail::ThreadTask>;

    /// @returns  its ticket
    std::uint32_t push(Task task) {
        tasks_.push_back(std::move(task));
        return first_ + static_cast<std::uint32_t>(tasks_.size() - 1);
    }
    /// The first one; null if there is none.
    Task front() {
        while (!tasks_.empty() && !tasks_.front()) pop();
        return tasks_.empty() ? nullptr : tasks_.front();
    }
    void pop() {
        tasks_.pop_front();
        ++first_;
    }
    /// The place of one, which may be empty; null if it is not here any more.
    Task* find(std::uint32_t ticket) {
        const std::uint32_t index = ticket - first_;
        return index < tasks_.size() ? &tasks_[index] : nullptr;
    }
    template <class Visit>
    void for_each(const Visit& visit) {
        for (Task& task : tasks_)
            if (task) visit(task);
    }

  private:
    std::deque<Task> tasks_;
    std::uint32_t first_ = 0;  ///< ticket of the first; they go round
};

}  // namespace procession::inline v0::pool
