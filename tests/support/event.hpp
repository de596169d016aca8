// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include "os/descriptor.hpp"
#include "os/error.hpp"

namespace procession::test {

/// Something that one process does and another waits for. A pipe: it works wherever it is inherited.
class Event {
  public:
    Event() {
        int ends[2];
        os::checked(::pipe2(ends, O_CLOEXEC), "event", "pipe2");
        reader_.reset(ends[0]);
        writer_.reset(ends[1]);
    }
    void set() const {
        os::checked(os::retry_on_signal([&] { return ::write(setter(), "x", 1); }), "event", "write");
    }
    void wait() const {
        char byte;
        os::checked(os::retry_on_signal([&] { return ::read(reader_.get(), &byte, 1); }), "event",
                    "read");
    }
    /// A byte written here is the event.
    int setter() const { return writer_.get(); }

  private:
    os::Descriptor reader_, writer_;
};

}  // namespace procession::test
