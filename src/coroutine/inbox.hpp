// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <mutex>

#include "os/event.hpp"

namespace procession::inline v0::coroutine {

/// Something that a loop is to do in its thread.
class Errand {
  public:
    Errand(Errand&&) = delete;
    virtual void run() = 0;

  protected:
    Errand() = default;
    ~Errand() = default;

  private:
    friend class Inbox;
    Errand* before_ = nullptr;
    Errand* after_ = nullptr;
};

/// The errands that a loop was given, by any thread, in their order. One that is there is not added again.
class Inbox {
  public:
    Inbox() = default;
    Inbox(Inbox&&) = delete;

    void put(Errand&) noexcept;
    /// After this it is not there, and is the caller's alone.
    void remove(Errand&) noexcept;
    /// The oldest, which is taken; none: null.
    Errand* take() noexcept;
    std::size_t size() const noexcept;
    /// Readable once something was put, until clear_arrivals().
    int fd() const { return arrivals_.fd(); }
    void clear_arrivals() const noexcept { arrivals_.clear(); }

  private:
    void unlink(Errand&) noexcept;

    mutable std::mutex mutex_;
    Errand* first_ = nullptr;
    Errand* last_ = nullptr;
    std::size_t size_ = 0;
    os::Event arrivals_;
};

}  // namespace procession::inline v0::coroutine
