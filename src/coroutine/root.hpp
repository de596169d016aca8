// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/task.hpp>

#include <list>
#include <stop_token>
#include <utility>

#include "coroutine/loop.hpp"

namespace procession::inline v0::coroutine {

/// A task that nobody awaits but its loop.
class Root final : public Errand, detail::Completion {
  public:
    Root(Loop& loop, Task<> task, std::stop_token stop)
        : loop_(loop), stop_(std::move(stop)), task_(task.release()) {}
    ~Root() {
        loop_.inbox.remove(*this);
        task_.destroy();
    }

    void run() override {
        task_.promise().begin(*this, stop_);
        loop_.ready.resume_all();
    }
    bool is_done() const noexcept { return task_.done(); }
    /// Once it is done. @throws what it threw
    void rethrow_error() const { task_.promise().take(); }

    std::list<Root>::iterator place;  ///< in the loop's list

  private:
    void completed() noexcept override { loop_.has_finished(*this); }

    Loop& loop_;
    const std::stop_token stop_;
    const std::coroutine_handle<detail::Promise<void>> task_;
};

}  // namespace procession::inline v0::coroutine
