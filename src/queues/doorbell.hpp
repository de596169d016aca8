// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>

#include "heap/layout.hpp"

namespace procession::inline v0::queues {

/// A queue's descriptor in this process: readable while there is something to get.
///
/// Until this process asks for the descriptor there is nothing but a null pointer here. From then on it
/// has an eventfd and a thread, which waits beside the queue for what others put.
class Doorbell {
  public:
    /// @param watched   where those wait who are told of every put
    /// @param has_item  whether there is something to get, or never will be again; it takes no lock that
    ///                  may be held where the members here are called
    Doorbell(heap::WaitPoint& watched, std::function<bool()> has_item)
        : watched_(watched), has_item_(std::move(has_item)) {}
    /// The descriptor and the thread end, if they are this process's.
    ~Doorbell();
    Doorbell(Doorbell&&) = delete;

    /// The descriptor, which is as the queue is now. @throws std::system_error
    int fileno();
    /// To be called when this process has put something, or ended the queue.
    void after_put();
    /// To be called when this process has taken something, or found nothing to take.
    void after_get(bool found_empty);

  private:
    struct Bell;
    Bell* own_bell() const;

    heap::WaitPoint& watched_;
    const std::function<bool()> has_item_;
    std::atomic<Bell*> bell_{nullptr};
};

}  // namespace procession::inline v0::queues
