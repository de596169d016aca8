// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// What a call gives that does not wait for its result.

#include <procession/detail/shared_result.hpp>

#include <functional>
#include <stop_token>
#include <utility>

namespace procession::inline v0 {

/// The result of a call of a pool, now or later. A copy is the same result; any of them may get() it again.
///
/// It may be passed to other processes as an argument and inside messages, and be passed on: what comes of the
/// task comes to all of them. Where it was received it cannot be cancelled, and when the pool's process ends before
/// the result came, that is a CancelledError which names the process.
///
/// After the pool's end one whose result has not come throws CancelledError. An exception that nobody fetched
/// is logged when the last copy goes, unless it was sent to another process.
/// @par Thread safety   safe; one object is not for two threads while it is assigned to
/// @par Process safety  safe. A child by fork is passed it as an argument, itself or in a container; one that it
///                      has otherwise, it can use if it was done before
/// @see Python: multiprocessing.pool.AsyncResult
template <class T>
class AsyncResult {
  public:
    using value_type = T;
    /// None yet: every use throws StateError until one is assigned.
    AsyncResult() = default;
    explicit AsyncResult(detail::Ref<detail::ResultState<T>> state) : state_(std::move(state)) {}
    // Also what moves from it: that is still the same result.
    AsyncResult(const AsyncResult&) noexcept = default;
    AsyncResult& operator=(const AsyncResult&) noexcept = default;

    /// The value, waiting for it. One that cannot be copied is moved out: the second time in a process that is
    /// a StateError.
    /// @throws TimeoutError    it did not come in time; or its task ran for longer than its own limit
    /// @throws CancelledError  the task was cancelled, or the pool ended; or the wait was stopped
    /// @throws WorkerDied      the worker ended that ran the task
    /// @throws                 what the task threw
    T get(Timeout timeout = forever, std::stop_token stop = {}) const {
        if (!wait(timeout, std::move(stop))) detail::throw_result_timeout("AsyncResult::get");
        return use().get();
    }
    T get(std::stop_token stop) const { return get(forever, std::move(stop)); }
    /// Waits for it. @returns whether it is there @throws CancelledError  the wait was stopped
    bool wait(Timeout timeout = forever, std::stop_token stop = {}) const {
        detail::ResultState<T>& state = use();
        return state.is_done() || state.host().wait(state, timeout, stop);
    }
    /// Whether it is there.
    bool ready() const { return wait(std::chrono::seconds(0)); }
    /// Whether it is a value and no exception. @throws ValueError  it is not there yet
    bool successful() const {
        if (!ready()) throw ValueError("AsyncResult::successful: it is not ready; wait() for it first");
        return !use().has_exception();
    }
    /// Cancels the task: one that is queued is never run, one that runs is asked to stop by its
    /// std::stop_token, then ended with its worker. get() then throws CancelledError.
    /// @returns false if it was done before, or cancelled; and wherever it was received from another process
    bool cancel() const { return use().host().cancel(use()); }
    /// Has `on_result(value)` called once the value is there, or `on_error(std::exception_ptr)` if it is an
    /// exception: once, by the pool's thread, before those who wait go on; where it was received, by the
    /// library's thread there. They must not throw.
    template <class OnResult, class OnError = std::nullptr_t>
    void then(OnResult on_result, OnError on_error = {}) const {
        use().call_back(detail::Job::When::before_done,
                        [state = state(), on_result = std::move(on_result),
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
    friend bool operator==(const AsyncResult& one, const AsyncResult& other) noexcept {
        return detail::are_same(one.state_.get(), other.state_.get());
    }
    detail::Ref<detail::ResultState<T>> state() const {
        return detail::Ref<detail::ResultState<T>>(&use());
    }

  private:
    detail::ResultState<T>& use() const { return detail::in_this_process(state_); }

    detail::Ref<detail::ResultState<T>> state_;
};

namespace detail {
template <class T>
inline constexpr bool is_future<AsyncResult<T>> = true;
}  // namespace detail

}  // namespace procession::inline v0
