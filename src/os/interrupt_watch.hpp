// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "os/event.hpp"

namespace procession::inline v0::os {

/// While it lives, SIGINT (Ctrl-C) does not end this process, but sets an event. While there are several, each is
/// told. The handler that was there before comes back with the last one's end. A third SIGINT within one life does
/// what SIGINT does by default.
class InterruptWatch {
  public:
    /// @throws std::system_error, StateError  there are too many
    explicit InterruptWatch(const Event&);
    ~InterruptWatch();
    InterruptWatch(InterruptWatch&&) = delete;

    /// How many came since this was made.
    int count() const;

  private:
    int place_;
    int before_;
};

}  // namespace procession::inline v0::os
