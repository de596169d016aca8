// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <procession/detail/coroutine_wait.hpp>
#include <procession/error.hpp>

#include <utility>

#include "coroutine/waiting.hpp"

namespace procession::inline v0 {
namespace coroutine {

Waiting::Waiting(detail::Wait& wait, Loop& loop, std::coroutine_handle<> coroutine,
                 const os::Deadline& deadline)
    : wait_(wait), loop_(loop), coroutine_(coroutine), deadline_(deadline) {
    if (!deadline.is_never()) timer_ = loop.timers.emplace(deadline.point(), this);
}

Waiting::~Waiting() {
    on_own_stop_.reset();
    on_stop_of_task_.reset();
    loop_.inbox.remove(*this);
    if (timer_) loop_.timers.erase(*timer_);
    for (const Watched::Place& place : places_) loop_.watched.remove(place, loop_.is_of_this_process());
}

void Waiting::end_when_stopped(const std::stop_token& own, const std::stop_token& of_task) {
    if (own.stop_possible()) on_own_stop_.emplace(own, Stop{*this});
    if (of_task.stop_possible()) on_stop_of_task_.emplace(of_task, Stop{*this});
}

void Waiting::Stop::operator()() const noexcept {
    waiting.stopped_ = true;
    waiting.look_later();
}

void Waiting::watch_readable(int fd) {
    places_.reserve(places_.size() + 1);
    places_.push_back(loop_.watched.add(fd, *this));
}

void Waiting::run() {
    if (stopped_) return end(End::stopped);
    if (wait_.try_attempt()) return end(End::ready);
    if (deadline_.expired()) return end(End::timed_out);
    if (!watches_ && !start_watching()) end(End::ready);
}

void Waiting::end(End how) {
    wait_.unwatch();
    wait_.end_ = how;
    Loop& loop = loop_;
    const std::coroutine_handle<> coroutine = coroutine_;
    wait_.waiting_.reset();  // this
    loop.resume(coroutine);
}

}  // namespace coroutine

namespace detail {

Wait::Wait(Timeout timeout, std::stop_token stop) noexcept : timeout_(timeout), stop_(std::move(stop)) {}

Wait::~Wait() = default;

bool Wait::begin(std::coroutine_handle<> awaiting, const std::stop_token& of_task) {
    coroutine::Loop& loop = coroutine::Loop::current("co_await");
    if (stop_.stop_requested() || of_task.stop_requested()) {
        end_ = End::stopped;
        return false;
    }
    const bool has_no_time = timeout_ && timeout_->count() == 0 && !always_suspends();
    const bool looks_now = loop.grants_another() || has_no_time;
    if (looks_now && try_attempt()) return false;
    if (has_no_time) {
        end_ = End::timed_out;
        return false;
    }
    waiting_ =
        std::make_unique<coroutine::Waiting>(*this, loop, awaiting, os::Deadline::after(timeout_));
    waiting_->end_when_stopped(stop_, of_task);
    if (!looks_now) {
        waiting_->look_later();
    } else if (!waiting_->start_watching()) {
        waiting_.reset();
        return false;
    }
    return true;
}

bool Wait::try_attempt() noexcept {
    try {
        return attempt();
    } catch (...) {
        error_ = std::current_exception();
        return true;
    }
}

bool Wait::try_watch() noexcept {
    try {
        watch();
        return true;
    } catch (...) {
        error_ = std::current_exception();
        return false;
    }
}

void Wait::watch_readable(int fd) { waiting_->watch_readable(fd); }

void Wait::nudge() noexcept { waiting_->look_later(); }

bool Wait::succeeded(const char* caller) const {
    if (error_) std::rethrow_exception(error_);
    if (end_ == End::stopped) throw CancelledError(fmt::format("{}: the wait was stopped", caller));
    return end_ == End::ready;
}

}  // namespace detail
}  // namespace procession::inline v0
