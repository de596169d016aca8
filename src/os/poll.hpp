// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <poll.h>

#include <atomic>
#include <optional>
#include <span>
#include <stop_token>

#include "os/deadline.hpp"
#include "os/event.hpp"

namespace procession::inline v0::os {

/// While it lives, a request of either token ends the polls that it is given to.
class Interruption {
  public:
    explicit Interruption(const std::stop_token& one, const std::stop_token& other = {});
    /// With an event that is there already, and is nobody else's meanwhile.
    Interruption(const std::stop_token& one, const std::stop_token& other, const Event&);
    ~Interruption();
    Interruption(Interruption&&) = delete;

    /// Readable once there was a request; -1 where none can come.
    int fd() const { return event_ ? event_->fd() : -1; }
    bool requested() const { return requested_.load(); }

  private:
    struct Ring {
        Interruption& interruption;
        void operator()() const;
    };
    std::optional<Event> own_;
    const Event* event_ = nullptr;
    std::atomic<bool> requested_{false};
    std::optional<std::stop_callback<Ring>> one_, other_;
};

enum class Polled { ready, timed_out, interrupted };

/// Waits until one of these events holds for the descriptor, or its end or failure does, which the next
/// read or write tells.
Polled poll(int fd, short events, const Deadline&, const Interruption&);
/// The same for several, which are to be looked at then; those with a number below zero do not count.
Polled poll(std::span<pollfd>, const Deadline&, const Interruption&);

}  // namespace procession::inline v0::os
