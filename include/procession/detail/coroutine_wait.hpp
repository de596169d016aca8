// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/task_promise.hpp>
#include <procession/timeout.hpp>

#include <concepts>
#include <coroutine>
#include <exception>
#include <memory>
#include <stop_token>
#include <tuple>
#include <utility>

namespace procession::inline v0 {
namespace coroutine {
class Waiting;
}

namespace detail {

/// A coroutine's wait for something, in the loop of its thread.
///
/// What is waited for is taken by the loop's thread, in the moment in which the coroutine is resumed with it. So
/// a wait that was stopped, or whose coroutine was destroyed, has not taken it.
class PROCESSION_API Wait {
  public:
    Wait(Wait&&) = delete;
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
        if constexpr (std::derived_from<Promise, TaskPromise>)
            return begin(awaiting, awaiting.promise().stop());
        else
            return begin(awaiting, {});
    }

  protected:
    Wait(Timeout, std::stop_token) noexcept;
    ~Wait();

    /// Whether it is there; what can be taken is taken.
    virtual bool attempt() = 0;
    /// Has attempt() called again: by watch_readable(), or by nudge() later.
    virtual void watch() {}
    virtual void unwatch() noexcept {}
    /// Whether it is a wait also where there is no time for one.
    virtual bool always_suspends() const noexcept { return false; }

    void watch_readable(int fd);
    /// May be called by any thread, between watch() and the end of unwatch() or of the derived destructor.
    void nudge() noexcept;
    /// Whether attempt() succeeded; false: the time ran out.
    /// @throws CancelledError  it was stopped; what attempt() and watch() threw
    bool succeeded(const char* caller) const;

  private:
    friend class coroutine::Waiting;
    bool begin(std::coroutine_handle<>, const std::stop_token& of_task);
    /// The same as attempt(); one that throws is over as well.
    bool try_attempt() noexcept;
    bool try_watch() noexcept;

    enum class End { ready, timed_out, stopped };
    Timeout timeout_;
    std::stop_token stop_;
    End end_ = End::ready;
    std::exception_ptr error_;
    std::unique_ptr<coroutine::Waiting> waiting_;
};

/// What can be awaited: a W is made of these for each `co_await`.
template <class W, class... A>
class [[nodiscard("it begins when it is awaited")]] Awaitable {
  public:
    explicit Awaitable(A... arguments) : arguments_(std::move(arguments)...) {}
    W operator co_await()&& { return std::make_from_tuple<W>(std::move(arguments_)); }

  private:
    std::tuple<A...> arguments_;
};
template <class W, class... A>
Awaitable<W, A...> awaitable(A... arguments) {
    return Awaitable<W, A...>(std::move(arguments)...);
}

/// A stop that is requested when the parent's is, when time runs out, or by request(). For the thread of a loop.
class PROCESSION_API StopScope {
  public:
    explicit StopScope(const std::stop_token& parent, Timeout = forever);
    ~StopScope();
    StopScope(StopScope&&) = delete;

    const std::stop_token& token() const noexcept { return token_; }
    void request() noexcept { source_.request_stop(); }
    /// Whether it was the time.
    bool timed_out() const noexcept;

  private:
    struct Pass {
        StopScope& scope;
        void operator()() const noexcept { scope.request(); }
    };
    class Alarm;
    std::stop_source source_;
    std::stop_token token_ = source_.get_token();
    std::stop_callback<Pass> on_parent_;
    std::unique_ptr<Alarm> alarm_;
};

}  // namespace detail
}  // namespace procession::inline v0
