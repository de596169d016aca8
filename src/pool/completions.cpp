// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <procession/detail/completions.hpp>

#include <deque>

#include "log/log.hpp"
#include "os/monitor.hpp"

namespace procession::inline v0::detail {

struct Completions::Shared {
    os::Monitor monitor;
    std::deque<std::size_t> done;
};

Completions::Completions() : shared_(std::make_shared<Shared>()) {}

Completions::~Completions() {
    for (const auto& [number, each] : watched_) each.job->forget(each.call);
}

void Completions::watch(Job& job, std::size_t number) {
    const auto note = [shared = shared_, number] {
        {
            const auto lock = shared->monitor.lock();
            shared->done.push_back(number);
        }
        shared->monitor.notify_one();
    };
    // One that is done is to be seen at once.
    if (job.is_done() || job.host().wait(job, std::chrono::seconds(0), {})) return note();
    watched_.emplace(number, Watched{Ref<Job>(&job), job.call_back(Job::When::after_done, note)});
}

std::optional<std::size_t> Completions::next(const Timeout& timeout, const std::stop_token& stop) {
    auto lock = shared_->monitor.lock();
    const os::Waited waited = shared_->monitor.wait(lock, os::Deadline::after(timeout), stop,
                                                    [this] { return !shared_->done.empty(); });
    if (waited == os::Waited::stopped) throw CancelledError("wait: the wait was stopped");
    if (waited == os::Waited::timed_out) return std::nullopt;
    const std::size_t number = shared_->done.front();
    shared_->done.pop_front();
    lock.unlock();
    watched_.erase(number);
    return number;
}

void throw_unfinished(std::size_t unfinished, std::size_t all) {
    throw TimeoutError(fmt::format("{} (of {}) futures unfinished", unfinished, all));
}

void log_what_it_throws(const std::function<void()>& call) noexcept {
    try {
        call();
    } catch (const std::exception& error) {
        log_warning("a callback has thrown: {}", error.what());
    } catch (...) {
        log_warning("a callback has thrown");
    }
}

}  // namespace procession::inline v0::detail
