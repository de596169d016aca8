// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>

#include "os/descriptor.hpp"

namespace procession::test {

inline bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }
inline bool closes_on_exec(int fd) { return ::fcntl(fd, F_GETFD) & FD_CLOEXEC; }
inline os::Descriptor open_null() { return os::Descriptor(::open("/dev/null", O_RDWR | O_CLOEXEC)); }

}  // namespace procession::test
