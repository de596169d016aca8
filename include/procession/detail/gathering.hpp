// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/coroutine_wait.hpp>
#include <procession/task.hpp>

#include <concepts>
#include <coroutine>
#include <exception>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace procession::inline v0::detail {

template <class A>
decltype(auto) awaiter_of(A&& awaitable) {
    if constexpr (requires { std::forward<A>(awaitable).operator co_await(); })
        return std::forward<A>(awaitable).operator co_await();
    else if constexpr (requires { operator co_await(std::forward<A>(awaitable)); })
        return operator co_await(std::forward<A>(awaitable));
    else
        return std::forward<A>(awaitable);
}

/// What `co_await` of an A gives, and as what that is kept.
template <class A>
using AwaitedValue = decltype(awaiter_of(std::declval<A>()).await_resume());
template <class A>
using KeptValue = std::conditional_t<std::is_void_v<AwaitedValue<A>>, std::monostate,
                                     std::remove_cvref_t<AwaitedValue<A>>>;

template <class T>
Task<T> as_task(Task<T> task) {
    return task;
}
template <class A>
Task<AwaitedValue<A>> as_task(A awaitable) {
    co_return co_await std::move(awaitable);
}

/// Several branches of one task, side by side. The first that throws has the others stopped.
class Gathering final : Completion {
  public:
    explicit Gathering(const std::stop_token& parent) : scope_(parent) {}
    Gathering(Gathering&&) = delete;
    ~Gathering() {
        for (const auto branch : branches_) branch.destroy();
    }

    template <class A>
    void add(A awaitable, std::optional<KeptValue<A>>& value) {
        branches_.reserve(branches_.size() + 1);
        branches_.push_back(branch(std::move(awaitable), value).release());
    }

    bool await_ready() const noexcept { return branches_.empty(); }
    template <std::derived_from<TaskPromise> Promise>
    void await_suspend(std::coroutine_handle<Promise> awaiting) noexcept {
        awaiting_ = &awaiting.promise();
        running_ = branches_.size();
        for (const auto branch : branches_) branch.promise().begin(*this, scope_.token());
    }
    void await_resume() const {
        if (error_) std::rethrow_exception(error_);
    }

  private:
    template <class A>
    Task<> branch(A awaitable, std::optional<KeptValue<A>>& value) {
        try {
            if constexpr (std::is_void_v<AwaitedValue<A>>) {
                co_await std::move(awaitable);
                value.emplace();
            } else {
                value.emplace(co_await std::move(awaitable));
            }
        } catch (...) {
            if (!error_) error_ = std::current_exception();
            scope_.request();
        }
    }
    void completed() noexcept override {
        if (--running_ == 0) awaiting_->go_on();
    }

    StopScope scope_;
    std::vector<std::coroutine_handle<Promise<void>>> branches_;
    std::size_t running_ = 0;
    TaskPromise* awaiting_ = nullptr;
    std::exception_ptr error_;
};

}  // namespace procession::inline v0::detail
