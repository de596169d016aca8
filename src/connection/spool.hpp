// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/connection_core.hpp>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <vector>

#include "os/deadline.hpp"

// A very long message goes in parts, through a pipe of its own, and what is sent is the end where they come
// out. So it takes little shared memory however long it is, no other message is held up or mixed with it,
// and a sender that dies in the middle leaves an end of file there, and nothing in the way of the next.

namespace procession::inline v0::connection {

using detail::ConnectionCore;

/// What goes in one piece. Beyond that, memory for all of it would be cold each time, while a few parts stay
/// in the processor's cache.
inline constexpr std::size_t longest_piece = 16 * 1024 * 1024;

/// What is sent of such a message.
struct SpoolHead {
    /// In the place of a type.
    static constexpr std::uint64_t mark = 1;
    std::uint64_t type;
    std::uint64_t size;
};

/// Sends bytes through `end`, part by part as they are received there.
/// @throws EndOfFile  also if just the one that received it is gone
void send_spooled(ConnectionCore& end, std::uint64_t type, std::span<const std::byte>,
                  const std::stop_token&);

/// One that is being received.
class IncomingSpool {
  public:
    /// What a message says after the mark.
    static SpoolHead read_head(std::span<const std::byte> message);
    /// @param into  where the bytes are to go, if they have room there
    IncomingSpool(std::span<const std::byte> message, std::span<std::byte> into);

    const SpoolHead& head() const { return head_; }
    /// Receives what is left. @returns false: it will never be whole, since its sender died or gave up
    /// @throws TimeoutError, CancelledError  it can go on later; what it has lies in memory of its own then
    bool receive(const char* caller, const os::Deadline&, const std::stop_token&);
    void move_to(detail::ReceivedMessage&);

  private:
    void take(std::span<const std::byte> part);
    void leave_place();

    SpoolHead head_;
    std::unique_ptr<ConnectionCore> end_;
    std::span<std::byte> place_;
    std::vector<std::byte> memory_;
    std::size_t received_ = 0;
};

/// Those that a process received in part when its time was over, until it goes on with them.
class UnfinishedSpools {
  public:
    /// Whether there is any.
    const std::atomic<bool>& are_there() const { return are_there_; }
    /// It goes where nobody is there to go on with it.
    void put_back(std::unique_ptr<IncomingSpool>);
    /// The first one; null: there is none. It stays where `check(head)` throws.
    template <class Check>
    std::unique_ptr<IncomingSpool> take(const Check& check) {
        if (!are_there_.load(std::memory_order_relaxed)) return nullptr;
        const std::lock_guard lock(mutex_);
        if (spools_.empty()) return nullptr;
        check(spools_.front()->head());
        auto first = std::move(spools_.front());
        spools_.pop_front();
        are_there_ = !spools_.empty();
        return first;
    }
    /// Somebody comes who can go on with them, or leaves: with the last one they go.
    void add_user();
    void remove_user();

  private:
    std::mutex mutex_;
    std::deque<std::unique_ptr<IncomingSpool>> spools_;
    std::atomic<bool> are_there_{false};
    int users_ = 0;
};

}  // namespace procession::inline v0::connection
