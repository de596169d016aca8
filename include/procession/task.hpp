// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Coroutines that give a value.

#include <procession/detail/task_promise.hpp>

#include <coroutine>
#include <stop_token>
#include <utility>

namespace procession::inline v0 {
namespace detail {
[[noreturn]] PROCESSION_API void throw_awaited_before();
}

/// A coroutine that gives a T. It begins when it is awaited, and ends before whoever awaits it goes on:
///
/// `mp::Task<int> answer(mp::Queue<int> queue) { co_return 2 * co_await mp::async_get(queue); }`
///
/// What it throws comes out of the `co_await`. What it waits for is cancelled when the stop token of whoever
/// awaits it says so; with_stop() and with_timeout() give it one. Destroying it destroys what it awaits as
/// well, and so ends its waits.
///
/// It moves, and is awaited once. Arguments by value are kept in the coroutine; what references refer to must
/// outlive it, and so must a lambda that captures.
/// @par Thread safety   used by the thread of its loop; before it began, by one thread at a time
/// @par Process safety  none: it belongs to the process that made it
template <class T>
class [[nodiscard("a Task begins when it is awaited, spawned or run")]] Task {
  public:
    using value_type = T;
    using promise_type = detail::Promise<T>;

    Task(Task && other) noexcept : coroutine_(std::exchange(other.coroutine_, {})) {}
    Task& operator=(Task&& other) noexcept {
        std::swap(coroutine_, other.coroutine_);
        return *this;
    }
    ~Task() {
        if (coroutine_) coroutine_.destroy();
    }

    /// Has it done, and gives its value. @throws StateError  it was awaited, or moved from; what it throws
    auto operator co_await()&& { return detail::TaskAwaiter<T>(release()); }
    /// The same, with a stop token of its own. It must outlive the task.
    auto await_until(const std::stop_token& stop)&& { return detail::TaskAwaiter<T>(release(), &stop); }

    /// For who starts it: its coroutine, which is the caller's now. @throws StateError  as co_await
    std::coroutine_handle<promise_type> release() {
        if (!coroutine_) detail::throw_awaited_before();
        return std::exchange(coroutine_, {});
    }

  private:
    friend promise_type;
    explicit Task(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_(coroutine) {}

    std::coroutine_handle<promise_type> coroutine_;
};

namespace detail {

template <class T>
Task<T> Promise<T>::get_return_object() noexcept {
    const auto handle = std::coroutine_handle<Promise>::from_promise(*this);
    self_ = handle;
    return Task<T>(handle);
}
template <class T>
Task<T&> Promise<T&>::get_return_object() noexcept {
    const auto handle = std::coroutine_handle<Promise>::from_promise(*this);
    self_ = handle;
    return Task<T&>(handle);
}
inline Task<void> Promise<void>::get_return_object() noexcept {
    const auto handle = std::coroutine_handle<Promise>::from_promise(*this);
    self_ = handle;
    return Task<void>(handle);
}

}  // namespace detail
}  // namespace procession::inline v0
