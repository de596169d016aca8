// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>

#include "heap/layout.hpp"

namespace procession::inline v0::queues {

/// A channel's descriptor in this process: readable while there is something to get.
///
/// Until this process asks for the descriptor there is nothing but a null pointer here. From then on it
/// has an eventfd and a thread, which waits beside the channel for what others put.
class Doorbell {
  public:
    /// @param watched   where those wait who are told of every put
    /// @param has_item  whether there is something to get, or never will be again; it takes no lock that
    ///                  may be held where the members here are called
    /// @param others_hold  what those hold who alone can put something; 0: anybody can
    Doorbell(heap::WaitPoint& watched, std::function<bool()> has_item, heap::Offset others_hold = 0)
        : watched_(watched), has_item_(std::move(has_item)), others_hold_(others_hold) {}
    /// The descriptor and the thread end, if they are this process's.
    ~Doorbell();
    Doorbell(Doorbell&&) = delete;

    /// Whether this process ever had one.
    static bool are_any() { return any_.load(std::memory_order_relaxed); }

    /// The descriptor, which is as the queue is now. @throws std::system_error
    int fileno();
    /// To be called when this process has put something, or ended the channel.
    void after_put();
    /// To be called when this process has taken something, or found nothing to take.
    void after_get(bool found_empty);

  private:
    struct Bell;
    Bell* own_bell() const;

    static inline std::atomic<bool> any_{false};

    heap::WaitPoint& watched_;
    const std::function<bool()> has_item_;
    const heap::Offset others_hold_;
    std::atomic<Bell*> bell_{nullptr};
};

}  // namespace procession::inline v0::queues
