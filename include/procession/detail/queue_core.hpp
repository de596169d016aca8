// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/handle.hpp>
#include <procession/detail/queue_message.hpp>
#include <procession/timeout.hpp>

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <string>

namespace procession::inline v0::detail {

/// max_deliveries, as a Kind says it. @throws ValueError  less than 1
PROCESSION_API std::uint32_t deaths_at_most(int max_deliveries);

/// The queue of bytes beneath Queue<T> and its kin. What may be called when, and by whom, is as there.
class PROCESSION_API QueueCore : public Handle {
  protected:
    /// What a queue is, besides the type of its items.
    struct Kind {
        const char* name;
        /// Of the processes that took an item, before it is given up; 0: nobody is to say that it is done.
        std::uint32_t deaths_at_most;
    };

    QueueCore(const Kind&, std::size_t maxsize, std::uint64_t fingerprint, const std::string& type_name);
    /// @param kind  of a JoinableQueue, or any
    QueueCore(Handle, const Kind& kind, std::uint64_t fingerprint, const std::string& type_name);

    /// False when it stayed full: then the message is the caller's still.
    bool put(Buffer&, Timeout, const std::stop_token& = {}) const;
    bool put(MessageBlock&, Timeout, const std::stop_token& = {}) const;
    /// All of them, in one go where there is room.
    void put(MessageBatch&, const std::stop_token&) const;
    /// False when it stayed empty.
    bool get(TakenMessage&, Timeout, const std::stop_token& = {}) const;
    /// At least one, and at most so many. False when it stayed empty.
    bool get(MessageBatch&, std::size_t at_most, Timeout, const std::stop_token& = {}) const;
    /// Whether each message is to lie in a block of its own.
    bool takes_blocks() const;
    std::size_t size() const;
    bool is_full() const;
    int fileno() const;
    /// @throws ValueError  it is closed in this process
    void check_open(const char* what) const;
    void close() const;
    void shutdown(bool immediate) const;

    void task_done() const;
    bool join(Timeout, const std::stop_token& = {}) const;
    std::size_t lost() const;

    [[noreturn]] void throw_full() const;
    [[noreturn]] void throw_empty() const;
};

}  // namespace procession::inline v0::detail
