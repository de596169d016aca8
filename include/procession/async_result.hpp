// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// What a call gives that does not wait for its result.

#include <procession/detail/job.hpp>

#include <functional>
#include <stop_token>
#include <utility>

namespace procession::inline v0 {

/// The result of a call of a pool, now or later. A copy is the same result; any of them may get() it again.
///
/// After the pool's end one whose result has not come throws CancelledError. An exception that nobody fetched
/// is logged when the last copy goes.
/// @par Thread safety   safe; one object is not for two threads while it is assigned to
/// @par Process safety  for the pool's process
/// @see Python: multiprocessing.pool.AsyncResult
template <class T>
class AsyncResult {
  public:
    using value_type = T;
    explicit AsyncResult(detail::Ref<detail::ResultState<T>> state) : state_(std::move(state)) {}

    /// The value, waiting for it. One that cannot be copied is moved out: the second time that is a
    /// StateError.
    /// @throws TimeoutError    it did not come in time; or its task ran for longer than its own limit
    /// @throws CancelledError  the task was cancelled, or the pool ended; or the wait was stopped
    /// @throws WorkerDied      the worker ended that ran the task
    /// @throws                 what the task threw
    T get(Timeout timeout = forever, std::stop_token stop = {}) const {
        if (!wait(timeout, std::move(stop))) detail::throw_result_timeout("AsyncResult::get");
        return state_->get();
    }
    T get(std::stop_token stop) const { return get(forever, std::move(stop)); }
    /// Waits for it. @returns whether it is there @throws CancelledError  the wait was stopped
    bool wait(Timeout timeout = forever, std::stop_token stop = {}) const {
        return state_->is_done() || state_->host().wait(*state_, timeout, stop);
    }
    /// Whether it is there.
    bool ready() const { return wait(std::chrono::seconds(0)); }
    /// Whether it is a value and no exception. @throws ValueError  it is not there yet
    bool successful() const {
        if (!ready()) throw ValueError("AsyncResult::successful: it is not ready; wait() for it first");
        return !state_->has_exception();
    }
    /// Cancels the task: one that is queued is never run, one that runs is asked to stop by its
    /// std::stop_token, then ended with its worker. get() then throws CancelledError.
    /// @returns false if it was done before, or cancelled
    bool cancel() const { return state_->host().cancel(*state_); }
    /// Has `on_result(value)` called once the value is there, or `on_error(std::exception_ptr)` if it is an
    /// exception: once, by the pool's thread, before those who wait go on; they must not throw.
    template <class OnResult, class OnError = std::nullptr_t>
    void then(OnResult on_result, OnError on_error = {}) const {
        state_->call_back(detail::Job::When::before_done,
                          [state = state_, on_result = std::move(on_result),
                           on_error = std::move(on_error)]() mutable {
                              if (const std::exception_ptr error = state->exception()) {
                                  if constexpr (!std::is_null_pointer_v<OnError>) on_error(error);
                              } else if constexpr (std::is_void_v<T>) {
                                  on_result();
                              } else {
                                  on_result(std::as_const(state->value()));
                              }
                          });
    }

    /// Whether they are the same result.
    friend bool operator==(const AsyncResult&, const AsyncResult&) = default;
    const detail::Ref<detail::ResultState<T>>& state() const { return state_; }

  private:
    detail::Ref<detail::ResultState<T>> state_;
};

}  // namespace procession::inline v0
