// SPDX-License-Identifier: Apache-2.0
#pragma once

/// @file
/// Waits for several things at once.

#include <procession/connection.hpp>
#include <procession/listener.hpp>
#include <procession/process.hpp>
#include <procession/queues.hpp>
#include <procession/timeout.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <ranges>
#include <stop_token>
#include <type_traits>
#include <vector>

namespace procession::inline v0 {
namespace detail {

/// One of those that are waited for.
struct Awaited {
    const void* object;
    /// Whether it is ready, where that can be said without a descriptor; else null.
    bool (*is_ready)(const void*);
    int (*descriptor)(const void*);
    int fd;  ///< of one that is a descriptor itself
};

template <class T>
concept HasSentinel = std::derived_from<T, Process> || std::same_as<T, ProcessHandle>;

inline Awaited awaited(int fd) { return {nullptr, nullptr, nullptr, fd}; }
template <HasSentinel T>
Awaited awaited(const T& process) {
    return {&process, nullptr, [](const void* it) { return static_cast<const T*>(it)->sentinel(); }, -1};
}
inline Awaited awaited(const Listener& listener) {
    return {&listener, nullptr,
            [](const void* it) { return static_cast<const Listener*>(it)->fileno(); }, -1};
}
inline Awaited awaited(const Connection& connection) {
    return {&connection, [](const void* it) { return static_cast<const Connection*>(it)->poll(); },
            [](const void* it) { return static_cast<const Connection*>(it)->fileno(); }, -1};
}
template <std::derived_from<QueueCore> T>
requires requires(const T& queue) {
    { queue.fileno() } -> std::same_as<int>;
}
Awaited awaited(const T& queue) {
    return {&queue, [](const void* it) { return !static_cast<const T*>(it)->empty(); },
            [](const void* it) { return static_cast<const T*>(it)->fileno(); }, -1};
}
template <class P>
requires requires(const P& pointer) {
    *pointer;
    awaited(*pointer);
}
Awaited awaited(const P& pointer) { return awaited(*pointer); }
template <class T>
Awaited awaited(const std::reference_wrapper<T>& reference) {
    return awaited(reference.get());
}

PROCESSION_API std::vector<std::size_t> wait_for(std::vector<Awaited>, const Timeout&,
                                                 const std::stop_token&);

}  // namespace detail

/// A Connection, Listener, Queue, JoinableQueue, Process, ProcessHandle, or an int, which is a descriptor;
/// or a pointer to one.
template <class T>
concept Waitable = requires(const T& object) {
    detail::awaited(object);
};

template <class R>
concept WaitableRange = std::ranges::input_range<R> && !Waitable<std::remove_cvref_t<R>> &&
                        Waitable<std::remove_cvref_t<std::ranges::range_reference_t<R>>> &&
                        (std::is_lvalue_reference_v<std::ranges::range_reference_t<R>> ||
                         std::is_scalar_v<std::remove_cvref_t<std::ranges::range_reference_t<R>>>);

/// Waits until one of them is ready at least: a connection has a message, or its end; a queue has an item,
/// or is shut down; a listener has somebody to accept; a process has ended; a descriptor is readable, or
/// has its end or an error.
/// @returns which are ready, by their places, in ascending order; none: the time ran out
/// @throws ValueError      one of them is closed; or nothing is waited for, and for ever
/// @throws CancelledError  it was stopped
/// @throws std::system_error  an int is no descriptor (EBADF)
/// @par Blocking  up to the timeout; EINTR does not end the wait
/// @par Process safety  others may take what is there before the caller does: receive it with a limit
/// @see Python: multiprocessing.connection.wait
template <WaitableRange R>
std::vector<std::size_t> wait(R&& waitables, Timeout timeout = forever, std::stop_token stop = {}) {
    std::vector<detail::Awaited> all;
    for (auto&& each : waitables) all.push_back(detail::awaited(each));
    return detail::wait_for(std::move(all), timeout, stop);
}
template <WaitableRange R>
std::vector<std::size_t> wait(R&& waitables, std::stop_token stop) {
    return wait(std::forward<R>(waitables), forever, std::move(stop));
}
template <WaitableRange R>
std::vector<std::size_t> wait(Timeout timeout, R&& waitables) {
    return wait(std::forward<R>(waitables), timeout);
}
template <Waitable... W>
std::vector<std::size_t> wait(Timeout timeout, const W&... waitables) {
    return detail::wait_for({detail::awaited(waitables)...}, timeout, {});
}
template <Waitable... W>
std::vector<std::size_t> wait(Timeout timeout, std::stop_token stop, const W&... waitables) {
    return detail::wait_for({detail::awaited(waitables)...}, timeout, stop);
}

}  // namespace procession::inline v0
