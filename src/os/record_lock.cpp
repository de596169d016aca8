// SPDX-License-Identifier: Apache-2.0
#include "os/record_lock.hpp"

#include <fcntl.h>

#include "os/error.hpp"

namespace procession::inline v0::os {
namespace {
struct flock bytes(short type, std::uint64_t at, std::uint64_t count) {
    struct flock lock {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = static_cast<off_t>(at);
    lock.l_len = static_cast<off_t>(count);
    return lock;
}
}  // namespace

bool try_lock_byte(int fd, std::uint64_t at) {
    auto lock = bytes(F_WRLCK, at, 1);
    if (::fcntl(fd, F_SETLK, &lock) == 0) return true;
    if (errno == EACCES || errno == EAGAIN) return false;
    throw_errno("shared heap", "fcntl(F_SETLK)");
}

void unlock_byte(int fd, std::uint64_t at) {
    auto lock = bytes(F_UNLCK, at, 1);
    checked(::fcntl(fd, F_SETLK, &lock), "shared heap", "fcntl(F_SETLK)");
}

bool byte_is_held_by_another(int fd, std::uint64_t at, std::uint64_t count) {
    auto lock = bytes(F_WRLCK, at, count);
    checked(::fcntl(fd, F_GETLK, &lock), "shared heap", "fcntl(F_GETLK)");
    return lock.l_type != F_UNLCK;
}

}  // namespace procession::inline v0::os
