// SPDX-License-Identifier: Apache-2.0
#include <pthread.h>
#include <procession/detail/job.hpp>

#include <array>
#include <new>

#include "log/log.hpp"
#include "os/at_load.hpp"
#include "os/fork_count.hpp"
#include "pool/shared_results.hpp"

namespace procession::inline v0::detail {

JobHost::~JobHost() = default;

/// What few jobs have.
struct Job::Rare {
    struct Call {
        std::uint64_t number;
        std::function<void()> function;
    };
    std::vector<Call> before, after;
    std::uint64_t last = 0;
    std::optional<Shared> shared;
};

Job::Job(Ref<JobHost> host) : host_(std::move(host)), fork_(os::fork_count()) {}

Job::~Job() {
    if (shared() && !is_inherited()) pool::SharedResults::here().forget(*this);
}

Ref<Job> Job::if_alive() {
    std::uint32_t seen = pointers_.load(std::memory_order_relaxed);
    while (seen != 0 && !pointers_.compare_exchange_weak(seen, seen + 1)) {
    }
    return Ref<Job>(seen == 0 ? nullptr : this, false);
}

Job::Rare& Job::rare() {
    if (!rare_) rare_ = std::make_unique<Rare>();
    return *rare_;
}

Job::Shared* Job::shared() const {
    return is_shared_.load(std::memory_order_acquire) ? &*rare_->shared : nullptr;
}

bool Job::share_as(Handle object, const SharedResultType& type) {
    const std::lock_guard lock(host_->mutex());
    if (is_shared_) return false;
    rare().shared.emplace(Shared{std::move(object), type});
    is_shared_.store(true, std::memory_order_release);
    return true;
}

bool Job::is_inherited() const { return fork_ != os::fork_count(); }

Job& Job::heir() {
    if (shared()) return pool::SharedResults::here().heir_of(*this);
    if (is_done()) return *this;
    throw StateError(
        "AsyncResult: it is of a call of the process that this one was forked from, which does not know "
        "that "
        "it is here. Pass it as an argument of the Process, not within its callable or another "
        "argument.");
}

void Job::settle() {
    phase_.store(settled, std::memory_order_release);
    if (!rare_ || rare_->before.empty()) return finish();
    call_before_done();
}

void Job::call_before_done() {
    host_->post([self = Ref<Job>(this)] {
        const auto next = [&] {
            const std::lock_guard lock(self->host_->mutex());
            auto calls = std::exchange(self->rare_->before, {});
            if (calls.empty()) self->finish();
            return calls;
        };
        for (auto calls = next(); !calls.empty(); calls = next())
            for (const auto& call : calls) call.function();
    });
}

void Job::finish() {
    phase_.store(done, std::memory_order_release);
    if (!rare_) return;
    for (auto& call : std::exchange(rare_->after, {})) host_->post(std::move(call.function));
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
    const std::uint64_t number = ++rare().last;
    (when == When::before_done ? rare_->before : rare_->after).push_back({number, std::move(call)});
    if (is_done()) {
        // Who waits from now on goes on after the call as well.
        phase_.store(settled, std::memory_order_release);
        call_before_done();
    }
    return number;
}

void Job::forget(std::uint64_t number) {
    const std::lock_guard lock(host_->mutex());
    if (!rare_) return;
    const auto is_it = [&](const Rare::Call& call) { return call.number == number; };
    std::erase_if(rare_->before, is_it);
    std::erase_if(rare_->after, is_it);
}

namespace {

std::array<std::recursive_mutex, 61> guards;

// A forked child has none of the threads that may have them locked.
PROCESSION_AT_LOAD void renew_guards_in_children() {
    ::pthread_atfork(nullptr, nullptr, [] {
        for (std::recursive_mutex& each : guards) new (&each) std::recursive_mutex;
    });
}

}  // namespace

std::recursive_mutex& guard_of(const Job& job) {
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

void throw_no_result() {
    throw StateError("AsyncResult: there is none yet. Assign one to it, or receive into it.");
}

void throw_result_moved() {
    throw StateError("AsyncResult::get: the result cannot be copied, and was moved out before");
}

void throw_result_timeout(const char* what) {
    throw TimeoutError(std::string(what) + ": the result did not come in time");
}

}  // namespace procession::inline v0::detail
