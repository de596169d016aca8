// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/connection.hpp>
#include <procession/detail/signal.hpp>
#include <procession/error.hpp>
#include <procession/listener.hpp>
#include <procession/process.hpp>
#include <procession/queues.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace procession::inline v0::detail {

inline constexpr std::chrono::seconds no_time{0};

/// Where a wait takes its value from: take() gives what is there now, fileno() is readable when there may be
/// something, and give_up() is what comes of it when the time has run out.
template <class S>
concept Source = requires(const S& source) {
    { source.take() } -> std::same_as<std::optional<typename S::Value>>;
    { source.fileno() } -> std::same_as<int>;
    { source.give_up() } -> std::same_as<typename S::Value>;
    { S::name } -> std::convertible_to<const char*>;
};

template <class T>
struct QueueItem {
    using Value = T;
    static constexpr const char* name = "async_get";
    Queue<T> queue;

    std::optional<T> take() const { return queue.try_get(); }
    int fileno() const { return queue.fileno(); }
    T give_up() const { return queue.get_nowait(); }
};

template <class T>
struct QueueItems {
    using Value = std::vector<T>;
    static constexpr const char* name = "async_get_many";
    Queue<T> queue;
    std::size_t at_most;

    std::optional<Value> take() const {
        // Where it is empty that is no reason for an exception.
        if (at_most != 0 && queue.empty()) {
            auto one = queue.try_get();
            if (!one) return std::nullopt;
            Value items;
            items.push_back(std::move(*one));
            return items;
        }
        try {
            return give_up();
        } catch (const Empty&) {
            return std::nullopt;
        }
    }
    int fileno() const { return queue.fileno(); }
    Value give_up() const { return queue.get_many(at_most, no_time); }
};

template <class T>
struct ReceivedValue {
    using Value = T;
    static constexpr const char* name = "async_recv";
    const Connection* connection;

    std::optional<T> take() const { return connection->try_recv<T>(); }
    int fileno() const { return connection->fileno(); }
    T give_up() const { return connection->recv<T>(no_time); }
};

struct ReceivedBytes {
    using Value = std::vector<std::byte>;
    static constexpr const char* name = "async_recv_bytes";
    const Connection* connection;

    std::optional<Value> take() const {
        if (!connection->poll()) return std::nullopt;
        try {
            return give_up();
        } catch (const TimeoutError&) {
            return std::nullopt;
        }
    }
    int fileno() const { return connection->fileno(); }
    Value give_up() const { return connection->recv_bytes({}, no_time); }
};

struct AcceptedConnection {
    using Value = Connection;
    static constexpr const char* name = "async_accept";
    Listener* listener;

    std::optional<Connection> take() const {
        try {
            return give_up();
        } catch (const TimeoutError&) {
            return std::nullopt;
        }
    }
    int fileno() const { return listener->fileno(); }
    Connection give_up() const { return listener->accept(no_time); }
};

struct ProcessEnd {
    using Value = ExitCode;
    static constexpr const char* name = "async_join";
    ProcessHandle process;
    /// The process may be closed once it has ended, also before whoever waits has seen that.
    mutable std::optional<OwnDescriptor> sentinel = {};

    std::optional<ExitCode> take() const {
        if (!process.join(no_time)) return std::nullopt;
        return process.exitcode();
    }
    int fileno() const {
        if (!sentinel) sentinel.emplace(OwnDescriptor::copy_of(process.sentinel()));
        return sentinel->get();
    }
    ExitCode give_up() const { return process.exitcode(); }
};

}  // namespace procession::inline v0::detail
