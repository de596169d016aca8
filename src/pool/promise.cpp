// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <procession/promise.hpp>

#include <deque>

#include "os/monitor.hpp"
#include "wire/thrown.hpp"

namespace procession::inline v0::detail {

struct PromiseHost::State {
    os::Monitor monitor;
    std::deque<std::function<void()>> posted;

    void call_posted() {
        for (;;) {
            std::function<void()> call;
            {
                const auto lock = monitor.lock();
                if (posted.empty()) break;
                call = std::move(posted.front());
                posted.pop_front();
            }
            call();
        }
        monitor.notify_all();
    }
};

PromiseHost::PromiseHost() : state_(std::make_unique<State>()) {}
PromiseHost::~PromiseHost() = default;

void PromiseHost::bring_to_end(Job& job, const char* what, const std::function<std::string()>& describe,
                               const std::function<void()>& give) {
    {
        const auto lock = state_->monitor.lock();
        if (!job.is_settled()) {
            give();
            if (job.came(1)) job.settle();
            what = nullptr;
        }
    }
    if (what)
        throw StateError(
            fmt::format("Promise::{}: the future is {} already, and stays so", what, describe()));
    state_->call_posted();
}

bool PromiseHost::wait(Job& job, const Timeout& timeout, const std::stop_token& stop) {
    auto lock = state_->monitor.lock();
    const os::Waited waited =
        state_->monitor.wait(lock, os::Deadline::after(timeout), stop, [&] { return job.is_there(); });
    if (waited == os::Waited::stopped) throw CancelledError("Future: the wait for a result was stopped");
    return waited == os::Waited::ready;
}

bool PromiseHost::cancel(Job& job) {
    {
        const auto lock = state_->monitor.lock();
        if (job.is_settled()) return false;
        job.mark_cancelled();
        job.on_exception(0, std::make_exception_ptr(CancelledError("Future: it was cancelled")));
        if (job.came(1)) job.settle();
    }
    state_->call_posted();
    return true;
}

bool PromiseHost::is_running(const Job&) { return false; }
void PromiseHost::post(std::function<void()> call) { state_->posted.push_back(std::move(call)); }
// Whoever sets it calls back.
bool PromiseHost::attend() { return false; }
std::mutex& PromiseHost::mutex() { return state_->monitor.mutex(); }

std::string name_of_thrown(const std::exception_ptr& error) { return describe(error).type; }

}  // namespace procession::inline v0::detail
