// SPDX-License-Identifier: Apache-2.0
#include <procession/detail/coroutine_wait.hpp>

#include <optional>

#include "coroutine/loop.hpp"
#include "os/deadline.hpp"

namespace procession::inline v0::detail {

class StopScope::Alarm final : public coroutine::Errand {
  public:
    Alarm(StopScope& scope, const Timeout& timeout)
        : scope_(scope), loop_(coroutine::Loop::current("with_timeout")) {
        timer_ = loop_.timers.emplace(os::Deadline::after(timeout).point(), this);
    }
    ~Alarm() {
        if (timer_) loop_.timers.erase(*timer_);
    }
    void run() override {
        loop_.timers.erase(*timer_);
        timer_.reset();
        scope_.request();
    }
    bool rang() const noexcept { return !timer_; }

  private:
    StopScope& scope_;
    coroutine::Loop& loop_;
    std::optional<coroutine::Loop::Timers::iterator> timer_;
};

StopScope::StopScope(const std::stop_token& parent, Timeout timeout)
    : on_parent_(parent, Pass{*this}),
      alarm_(timeout ? std::make_unique<Alarm>(*this, timeout) : nullptr) {}

StopScope::~StopScope() = default;

bool StopScope::timed_out() const noexcept { return alarm_ && alarm_->rang(); }

}  // namespace procession::inline v0::detail
