// SPDX-License-Identifier: Apache-2.0
#include "os/event.hpp"

#include <sys/eventfd.h>

#include "os/error.hpp"

namespace procession::inline v0::os {

Event::Event()
    : fd_(Descriptor::above_stdio(checked(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "event", "eventfd",
                                          "Raise RLIMIT_NOFILE if it says EMFILE."))) {}

void Event::set() const noexcept { ::eventfd_write(fd(), 1); }

void Event::clear() const noexcept {
    eventfd_t count;
    ::eventfd_read(fd(), &count);
}

}  // namespace procession::inline v0::os
