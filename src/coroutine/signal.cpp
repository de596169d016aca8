// SPDX-License-Identifier: Apache-2.0
#include <procession/detail/signal.hpp>

#include <fcntl.h>
#include <sys/eventfd.h>

#include "os/descriptor.hpp"
#include "os/error.hpp"

namespace procession::inline v0::detail {

OwnDescriptor OwnDescriptor::copy_of(int fd) {
    return OwnDescriptor(os::checked(::fcntl(fd, F_DUPFD_CLOEXEC, 3), "async operation",
                                     "fcntl(F_DUPFD_CLOEXEC)",
                                     "Raise RLIMIT_NOFILE if it says EMFILE."));
}

OwnDescriptor::~OwnDescriptor() { os::Descriptor(release()).reset(); }

Signal::Signal()
    : OwnDescriptor(os::Descriptor::above_stdio(os::checked(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC),
                                                            "async operation", "eventfd",
                                                            "Raise RLIMIT_NOFILE if it says EMFILE."))
                        .release()) {}

void Signal::set() const noexcept { ::eventfd_write(get(), 1); }

}  // namespace procession::inline v0::detail
