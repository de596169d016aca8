// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/export.hpp>

#include <concepts>
#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

namespace procession::inline v0 {

template <class T = void>
class Task;

namespace coroutine {
class Ready;
}

namespace detail {

/// Who is told that a task is done.
class Completion {
  public:
    virtual void completed() noexcept = 0;

  protected:
    ~Completion() = default;
};

/// What the loop knows of a task's coroutine.
///
/// One coroutine never resumes another: it notes who is next, and the loop resumes that one. So the stack
/// does not grow, whatever the compiler makes of tail calls (gcc makes none below -O2).
class PROCESSION_API TaskPromise {
    struct Final {
        bool await_ready() const noexcept { return false; }
        template <std::derived_from<TaskPromise> Promise>
        void await_suspend(std::coroutine_handle<Promise> done) const noexcept {
            done.promise().completion_->completed();
        }
        void await_resume() const noexcept {}
    };

  public:
    TaskPromise() = default;
    TaskPromise(TaskPromise&&) = delete;

    std::suspend_always initial_suspend() const noexcept { return {}; }
    auto final_suspend() const noexcept { return Final{}; }
    void unhandled_exception() noexcept { error_ = std::current_exception(); }

    /// Begins; what it waits for ends when `stop` says so, which must outlive it.
    void begin(Completion& completion, const std::stop_token& stop) noexcept {
        completion_ = &completion;
        stop_ = &stop;
        go_on();
    }
    /// Has it resumed soon, in this thread's loop.
    void go_on() noexcept;
    const std::stop_token& stop() const noexcept { return *stop_; }

  protected:
    ~TaskPromise() = default;
    void rethrow_error() const {
        if (error_) std::rethrow_exception(error_);
    }
    std::coroutine_handle<> self_;

  private:
    friend class coroutine::Ready;
    TaskPromise* next_ = nullptr;
    Completion* completion_ = nullptr;
    const std::stop_token* stop_ = nullptr;
    std::exception_ptr error_;
};

template <class T>
class Promise final : public TaskPromise {
  public:
    Task<T> get_return_object() noexcept;
    template <class U = T>
    requires std::constructible_from<T, U&&>
    void return_value(U&& value) { value_.emplace(std::forward<U>(value)); }
    T take() {
        rethrow_error();
        return std::move(*value_);
    }

  private:
    std::optional<T> value_;
};

template <class T>
class Promise<T&> final : public TaskPromise {
  public:
    Task<T&> get_return_object() noexcept;
    void return_value(T& value) noexcept { value_ = std::addressof(value); }
    T& take() {
        rethrow_error();
        return *value_;
    }

  private:
    T* value_ = nullptr;
};

template <>
class Promise<void> final : public TaskPromise {
  public:
    Task<void> get_return_object() noexcept;
    void return_void() const noexcept {}
    void take() const { rethrow_error(); }
};

/// Awaits a task, which it owns.
template <class T>
class TaskAwaiter final : Completion {
  public:
    using Handle = std::coroutine_handle<Promise<T>>;
    explicit TaskAwaiter(Handle task, const std::stop_token* stop = nullptr) noexcept
        : task_(task), stop_(stop) {}
    TaskAwaiter(TaskAwaiter&&) = delete;
    ~TaskAwaiter() { task_.destroy(); }

    bool await_ready() const noexcept { return false; }
    template <class Awaiting>
    void await_suspend(std::coroutine_handle<Awaiting> awaiting) noexcept {
        static_assert(std::derived_from<Awaiting, TaskPromise>,
                      "a Task is awaited by another Task; EventLoop::spawn() and run() begin one");
        awaiting_ = &awaiting.promise();
        task_.promise().begin(*this, stop_ ? *stop_ : awaiting_->stop());
    }
    T await_resume() { return task_.promise().take(); }

  private:
    void completed() noexcept override { awaiting_->go_on(); }

    Handle task_;
    const std::stop_token* stop_;
    TaskPromise* awaiting_ = nullptr;
};

}  // namespace detail
}  // namespace procession::inline v0
