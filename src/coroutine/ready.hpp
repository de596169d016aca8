// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/task_promise.hpp>

#include <coroutine>
#include <utility>

namespace procession::inline v0::coroutine {

/// The coroutines that are to be resumed, in their order.
class Ready {
  public:
    void add(detail::TaskPromise& task) noexcept {
        (last_ ? last_->next_ : first_) = &task;
        last_ = &task;
    }
    /// Resumes them, and those that they add.
    void resume_all() {
        while (first_) {
            detail::TaskPromise& task = *first_;
            first_ = std::exchange(task.next_, nullptr);
            if (!first_) last_ = nullptr;
            task.self_.resume();
        }
    }

  private:
    detail::TaskPromise* first_ = nullptr;
    detail::TaskPromise* last_ = nullptr;
};

}  // namespace procession::inline v0::coroutine
