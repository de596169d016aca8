// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <utility>

#include "os/deadline.hpp"

namespace procession::inline v0::connection {

/// Lets one thread of this process in at a time. Unlike for a mutex, the wait ends at a deadline, and at a
/// stop request.
class Turn {
  public:
    bool take(const os::Deadline& deadline, const std::stop_token& stop) {
        std::unique_lock lock(mutex_);
        if (!condition_.wait_until(lock, stop, deadline.point(), [&] { return !taken_; })) return false;
        return taken_ = true;
    }
    void give() noexcept {
        {
            const std::lock_guard lock(mutex_);
            taken_ = false;
        }
        condition_.notify_one();
    }

  private:
    std::mutex mutex_;
    std::condition_variable_any condition_;
    bool taken_ = false;
};

}  // namespace procession::inline v0::connection
