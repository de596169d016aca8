// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Coroutines that wait for queues, connections, processes and results.
///
/// Each function gives something to be awaited, once, in a task: `co_await mp::async_get(queue)`; or in a coroutine
/// of another type that runs in an EventLoop's thread. It takes a Timeout and a stop token as its twin that blocks,
/// throws the same, and CancelledError also when the task was stopped. A wait that ended by time or by stop, or was
/// destroyed with its coroutine, leaves nothing: what was waited for is still where it was.
///
/// Whoever waits is resumed with what it waited for; of several that wait in one process, the one that has waited
/// longest. One that finds it at once goes on at once.

#include <procession/detail/awaited_source.hpp>
#include <procession/detail/coroutine_wait.hpp>
#include <procession/detail/done_notice.hpp>
#include <procession/detail/gathering.hpp>
#include <procession/event_loop.hpp>
#include <procession/task.hpp>
#include <procession/timeout.hpp>
#include <procession/wait.hpp>

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <optional>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace procession::inline v0 {
namespace detail {

/// A wait for what can be taken when a descriptor is readable.
template <Source S>
class SourceWait final : public Wait {
  public:
    SourceWait(S source, Timeout timeout, std::stop_token stop)
        : Wait(timeout, std::move(stop)), source_(std::move(source)) {}
    typename S::Value await_resume() {
        if (!succeeded(S::name)) return source_.give_up();
        return std::move(*value_);
    }

  private:
    bool attempt() override {
        if (auto taken = source_.take()) value_.emplace(std::move(*taken));
        return value_.has_value();
    }
    void watch() override { watch_readable(source_.fileno()); }

    S source_;
    std::optional<typename S::Value> value_;
};
template <Source S>
auto await_source(S source, Timeout timeout, std::stop_token stop) {
    return awaitable<SourceWait<S>>(std::move(source), timeout, std::move(stop));
}

/// A wait for the result of a pool's task.
template <ResultHandle R>
class ResultWait final : public Wait {
  public:
    ResultWait(R result, Timeout timeout, std::stop_token stop)
        : Wait(timeout, std::move(stop)), result_(std::move(result)) {}
    typename R::value_type await_resume() {
        static_cast<void>(succeeded("async_get"));
        return value_of(result_);
    }

  private:
    bool attempt() override { return is_done(result_); }
    void watch() override {
        notice_.emplace(*result_.state(), [this] { nudge(); });
    }
    void unwatch() noexcept override { notice_.reset(); }

    R result_;
    std::optional<DoneNotice> notice_;
};

/// A wait for any of several.
class AnyWait final : public Wait {
  public:
    AnyWait(std::vector<Awaited> all, Timeout timeout, std::stop_token stop)
        : Wait(timeout, std::move(stop)), all_(std::move(all)) {}
    std::vector<std::size_t> await_resume() {
        static_cast<void>(succeeded("async_wait"));
        return std::move(ready_);
    }

  private:
    bool attempt() override {
        ready_ = wait_for(all_, no_time, {});
        return !ready_.empty();
    }
    void watch() override {
        for (const Awaited& each : all_)
            watch_readable(each.descriptor ? each.descriptor(each.object) : each.fd);
    }

    std::vector<Awaited> all_;
    std::vector<std::size_t> ready_;
};

class Sleep final : public Wait {
  public:
    Sleep(Timeout timeout, std::stop_token stop) : Wait(timeout, std::move(stop)) {}
    void await_resume() const { static_cast<void>(succeeded("sleep_for")); }

  private:
    bool attempt() override { return false; }
    bool always_suspends() const noexcept override { return true; }
};

/// Tells a task its stop token.
struct AskForStop {
    std::stop_token token;
    bool await_ready() const noexcept { return false; }
    template <std::derived_from<TaskPromise> Promise>
    bool await_suspend(std::coroutine_handle<Promise> asking) noexcept {
        token = asking.promise().stop();
        return false;
    }
    std::stop_token await_resume() noexcept { return std::move(token); }
};

}  // namespace detail

// ---------------------------------------------------------------- what can be awaited

/// Removes and returns the oldest item of a queue. @throws  as Queue::get()
template <class T>
auto async_get(const Queue<T>& queue, Timeout timeout = forever, std::stop_token stop = {}) {
    return detail::await_source(detail::QueueItem<T>{queue}, timeout, std::move(stop));
}
template <class T>
auto async_get(const Queue<T>& queue, std::stop_token stop) {
    return async_get(queue, forever, std::move(stop));
}
/// Waits for an item and returns it with those that are there as well, `at_most` in all. @throws  as Queue::get()
template <class T>
auto async_get_many(const Queue<T>& queue, std::size_t at_most, Timeout timeout = forever,
                    std::stop_token stop = {}) {
    return detail::await_source(detail::QueueItems<T>{queue, at_most}, timeout, std::move(stop));
}
template <class T>
auto async_get_many(const Queue<T>& queue, std::size_t at_most, std::stop_token stop) {
    return async_get_many(queue, at_most, forever, std::move(stop));
}

/// Receives the next value. The connection must stay where it is, and open, meanwhile.
/// @throws  as Connection::recv()
template <class T>
auto async_recv(const Connection& connection, Timeout timeout = forever, std::stop_token stop = {}) {
    return detail::await_source(detail::ReceivedValue<T>{&connection}, timeout, std::move(stop));
}
template <class T>
auto async_recv(const Connection& connection, std::stop_token stop) {
    return async_recv<T>(connection, forever, std::move(stop));
}
/// Receives the bytes of the next message, however it was sent. @throws  as Connection::recv_bytes()
inline auto async_recv_bytes(const Connection& connection, Timeout timeout = forever,
                             std::stop_token stop = {}) {
    return detail::await_source(detail::ReceivedBytes{&connection}, timeout, std::move(stop));
}
inline auto async_recv_bytes(const Connection& connection, std::stop_token stop) {
    return async_recv_bytes(connection, forever, std::move(stop));
}
/// The next who connects. The listener must stay where it is meanwhile. @throws  as Listener::accept()
inline auto async_accept(Listener& listener, Timeout timeout = forever, std::stop_token stop = {}) {
    return detail::await_source(detail::AcceptedConnection{&listener}, timeout, std::move(stop));
}
inline auto async_accept(Listener& listener, std::stop_token stop) {
    return async_accept(listener, forever, std::move(stop));
}

/// Waits for the end of a process. @returns how it ended; none: the time ran out
/// @throws StateError  it is not started
inline auto async_join(ProcessHandle process, Timeout timeout = forever, std::stop_token stop = {}) {
    return detail::await_source(detail::ProcessEnd{std::move(process)}, timeout, std::move(stop));
}
inline auto async_join(ProcessHandle process, std::stop_token stop) {
    return async_join(std::move(process), forever, std::move(stop));
}
inline auto async_join(const Process& process, Timeout timeout = forever, std::stop_token stop = {}) {
    return async_join(process.handle(), timeout, std::move(stop));
}
inline auto async_join(const Process& process, std::stop_token stop) {
    return async_join(process.handle(), forever, std::move(stop));
}
/// `co_await process`, and `co_await process.handle()`: as async_join().
inline auto operator co_await(const Process& process) { return async_join(process).operator co_await(); }
inline auto operator co_await(const ProcessHandle& process) {
    return async_join(process).operator co_await();
}

/// The result of a task of a pool, an AsyncResult or a Future. @throws  as its get(), or result()
template <detail::ResultHandle R>
auto async_get(const R& result, Timeout timeout = forever, std::stop_token stop = {}) {
    return detail::awaitable<detail::ResultWait<R>>(result, timeout, std::move(stop));
}
template <detail::ResultHandle R>
auto async_get(const R& result, std::stop_token stop) {
    return async_get(result, forever, std::move(stop));
}
/// `co_await result`: as async_get().
template <detail::ResultHandle R>
auto operator co_await(const R& result) {
    return async_get(result).operator co_await();
}

/// Waits until one of them is ready at least, and takes nothing. They must stay where they are, and open,
/// meanwhile. @returns as wait() @throws  as wait()
template <Waitable... W>
auto async_wait(Timeout timeout, const W&... waitables) {
    return async_wait(timeout, std::stop_token(), waitables...);
}
template <Waitable... W>
auto async_wait(Timeout timeout, std::stop_token stop, const W&... waitables) {
    return detail::awaitable<detail::AnyWait>(std::vector{detail::awaited(waitables)...}, timeout,
                                              std::move(stop));
}

/// Waits for so long; by the steady clock. Zero: until others have had their turn.
/// @throws CancelledError  it was stopped
inline auto sleep_for(Timeout duration, std::stop_token stop = {}) {
    return detail::awaitable<detail::Sleep>(duration, std::move(stop));
}

/// The stop token of the task that asks: `const std::stop_token stop = co_await mp::task_stop_token();`
inline auto task_stop_token() { return detail::AskForStop{}; }

// ---------------------------------------------------------------- what is made of others

/// Has all of them done side by side, tasks or whatever else can be awaited, and gives their values as a tuple; for
/// void that is a std::monostate.
///
/// Where one throws the others are stopped, and when all have ended the first exception comes out. What those had
/// taken by then is lost with their values.
template <class... A>
Task<std::tuple<detail::KeptValue<A>...>> when_all(A... awaitables) {
    detail::Gathering gathering(co_await task_stop_token());
    std::tuple<std::optional<detail::KeptValue<A>>...> values;
    std::apply([&](auto&... value) { (gathering.add(std::move(awaitables), value), ...); }, values);
    co_await gathering;
    co_return std::apply(
        [](auto&... value) { return std::tuple<detail::KeptValue<A>...>(std::move(*value)...); },
        values);
}
/// The same for tasks of one type, whose values are in the order of the tasks.
template <class T>
Task<std::vector<T>> when_all(std::vector<Task<T>> tasks) {
    detail::Gathering gathering(co_await task_stop_token());
    std::vector<std::optional<T>> values(tasks.size());
    for (std::size_t i = 0; i < tasks.size(); ++i) gathering.add(std::move(tasks[i]), values[i]);
    co_await gathering;
    std::vector<T> all;
    all.reserve(values.size());
    for (std::optional<T>& value : values) all.push_back(std::move(*value));
    co_return all;
}
inline Task<> when_all(std::vector<Task<>> tasks) {
    detail::Gathering gathering(co_await task_stop_token());
    std::vector<std::optional<std::monostate>> values(tasks.size());
    for (std::size_t i = 0; i < tasks.size(); ++i) gathering.add(std::move(tasks[i]), values[i]);
    co_await gathering;
}

/// Has it done, and stops its waits when the time has run out; it has ended when this does. What it gives though
/// the time ran out meanwhile is given: nothing that was taken is lost.
/// @throws TimeoutError  the time ran out, and stopped it; what it throws
template <class A>
Task<detail::AwaitedValue<A>> with_timeout(A awaitable, Timeout timeout) {
    detail::StopScope scope(co_await task_stop_token(), timeout);
    try {
        co_return co_await detail::as_task(std::move(awaitable)).await_until(scope.token());
    } catch (const CancelledError&) {
        if (!scope.timed_out()) throw;
    }
    throw TimeoutError("with_timeout: the time ran out, and what was awaited was stopped");
}

/// Has it done, and stops its waits when a stop is requested.
template <class A>
Task<detail::AwaitedValue<A>> with_stop(A awaitable, std::stop_token stop) {
    detail::StopScope scope(co_await task_stop_token());
    const std::stop_callback pass(stop, [&]() noexcept { scope.request(); });
    co_return co_await detail::as_task(std::move(awaitable)).await_until(scope.token());
}

}  // namespace procession::inline v0
