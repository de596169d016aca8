// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "os/descriptor.hpp"

namespace procession::inline v0::os {

/// A descriptor that is readable while it is set.
class Event {
  public:
    Event();
    int fd() const { return fd_.get(); }
    void set() const noexcept;
    void clear() const noexcept;

  private:
    Descriptor fd_;
};

}  // namespace procession::inline v0::os
