// SPDX-License-Identifier: Apache-2.0
#include "os/descriptor.hpp"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/error.hpp"

namespace procession::inline v0::os {

void Descriptor::reset(int fd) noexcept {
    const int old = std::exchange(fd_, fd);
    if (old >= 0) ::close(old);
}

Descriptor Descriptor::above_stdio(int fd) {
    Descriptor opened(fd);
    return fd >= 0 && fd <= STDERR_FILENO ? opened.duplicate() : std::move(opened);
}

Descriptor Descriptor::duplicate(int at_least) const {
    int fd = ::fcntl(fd_, F_DUPFD_CLOEXEC, at_least);
    // RLIMIT_NOFILE may leave no such number.
    if (fd < 0 && errno == EINVAL) fd = ::fcntl(fd_, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    return Descriptor(
        checked(fd, "descriptor", "fcntl(F_DUPFD_CLOEXEC)", "Raise RLIMIT_NOFILE if it says EMFILE."));
}

bool is_open(int fd) noexcept { return ::fcntl(fd, F_GETFD) >= 0; }

bool is_shared_with(int pid, int fd) noexcept {
    return ::syscall(SYS_kcmp, ::getpid(), pid, KCMP_FILE, fd, fd) == 0;
}

}  // namespace procession::inline v0::os
