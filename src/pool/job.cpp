// SPDX-License-Identifier: Apache-2.0
#include <procession/detail/job.hpp>

#include <array>

#include "log/log.hpp"

namespace procession::inline v0::detail {

JobHost::~JobHost() = default;

struct Job::Callbacks {
    struct Call {
        std::uint64_t number;
        std::function<void()> function;
    };
    std::vector<Call> before, after;
    std::uint64_t last = 0;
};

Job::Job(Ref<JobHost> host) : host_(std::move(host)) {}
Job::~Job() = default;

void Job::settle() {
    phase_.store(settled, std::memory_order_release);
    if (!callbacks_ || callbacks_->before.empty()) return finish();
    call_before_done();
}

void Job::call_before_done() {
    host_->post([self = Ref<Job>(this)] {
        const auto next = [&] {
            const std::lock_guard lock(self->host_->mutex());
            auto calls = std::exchange(self->callbacks_->before, {});
            if (calls.empty()) self->finish();
            return calls;
        };
        for (auto calls = next(); !calls.empty(); calls = next())
            for (const auto& call : calls) call.function();
    });
}

void Job::finish() {
    phase_.store(done, std::memory_order_release);
    if (!callbacks_) return;
    for (auto& call : std::exchange(callbacks_->after, {})) host_->post(std::move(call.function));
}

std::uint64_t Job::call_back(When when, std::function<void()> call) {
    std::unique_lock lock(host_->mutex());
    if (!host_->attend() && is_done()) {
        // There is no other thread to do it any more.
        lock.unlock();
        call();
        return 0;
    }
    if (when == When::after_done && is_done()) {
        host_->post(std::move(call));
        return 0;
    }
    if (!callbacks_) callbacks_ = std::make_unique<Callbacks>();
    const std::uint64_t number = ++callbacks_->last;
    (when == When::before_done ? callbacks_->before : callbacks_->after)
        .push_back({number, std::move(call)});
    if (is_done()) {
        // Who waits from now on goes on after the call as well.
        phase_.store(settled, std::memory_order_release);
        call_before_done();
    }
    return number;
}

void Job::forget(std::uint64_t number) {
    const std::lock_guard lock(host_->mutex());
    if (!callbacks_) return;
    const auto is_it = [&](const Callbacks::Call& call) { return call.number == number; };
    std::erase_if(callbacks_->before, is_it);
    std::erase_if(callbacks_->after, is_it);
}

std::recursive_mutex& guard_of(const Job& job) {
    static std::array<std::recursive_mutex, 61> guards;
    return guards[reinterpret_cast<std::uintptr_t>(&job) / alignof(std::max_align_t) % guards.size()];
}

void log_unfetched(const std::exception_ptr& error) noexcept {
    try {
        std::rethrow_exception(error);
    } catch (const CancelledError&) {
    } catch (const std::exception& what) {
        log_warning("nobody fetched a task's exception: {}", what.what());
    } catch (...) {
        log_warning("nobody fetched a task's exception");
    }
}

void throw_result_moved() {
    throw StateError("AsyncResult::get: the result cannot be copied, and was moved out before");
}

void throw_result_timeout(const char* what) {
    throw TimeoutError(std::string(what) + ": the result did not come in time");
}

}  // namespace procession::inline v0::detail
