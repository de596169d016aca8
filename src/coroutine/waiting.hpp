// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/coroutine_wait.hpp>

#include <atomic>
#include <coroutine>
#include <optional>
#include <stop_token>
#include <vector>

#include "coroutine/loop.hpp"
#include "os/deadline.hpp"

namespace procession::inline v0::coroutine {

/// What a wait that has not ended has in its loop: whatever happens to it has it looked at again.
class Waiting final : public Errand {
  public:
    using End = detail::Wait::End;

    Waiting(detail::Wait&, Loop&, std::coroutine_handle<>, const os::Deadline&);
    /// Nothing of it is left then.
    ~Waiting();

    void end_when_stopped(const std::stop_token& own, const std::stop_token& of_task);
    void watch_readable(int fd);
    void run() override;
    Loop& loop() const noexcept { return loop_; }
    /// Has the loop look, though nothing happened.
    void look_later() noexcept { loop_.inbox.put(*this); }
    bool start_watching() noexcept {
        watches_ = true;
        return wait_.try_watch();
    }

  private:
    struct Stop {
        Waiting& waiting;
        void operator()() const noexcept;
    };
    void end(End);

    detail::Wait& wait_;
    Loop& loop_;
    const std::coroutine_handle<> coroutine_;
    const os::Deadline deadline_;
    bool watches_ = false;
    std::atomic<bool> stopped_{false};
    std::optional<std::stop_callback<Stop>> on_own_stop_, on_stop_of_task_;
    std::optional<Loop::Timers::iterator> timer_;
    std::vector<Watched::Place> places_;
};

}  // namespace procession::inline v0::coroutine
