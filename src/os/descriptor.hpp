// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

namespace procession::inline v0::os {

/// Where what is kept open for good is numbered from: above what a program is likely to have plans for.
inline constexpr int out_of_the_way = 200;

/// Owns a file descriptor and closes it. Movable; -1 is none.
class Descriptor {
  public:
    explicit Descriptor(int fd = -1) noexcept : fd_(fd) {}
    Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        reset(other.release());
        return *this;
    }
    ~Descriptor() { reset(); }

    int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }
    int release() noexcept { return std::exchange(fd_, -1); }
    /// Never retried: Linux has closed the descriptor even where close() says EINTR (close(2)).
    void reset(int fd = -1) noexcept;
    /// The same file, numbered above those of stdin, stdout and stderr: where the program has closed one
    /// of these, what is opened next would take its place and be written to.
    static Descriptor above_stdio(int fd);
    /// A second descriptor of the same file, close-on-exec, numbered `at_least` or above; where
    /// RLIMIT_NOFILE leaves no such number, above those of stdin, stdout and stderr.
    Descriptor duplicate(int at_least = 3) const;

  private:
    int fd_;
};

/// Whether a descriptor of this number is open.
bool is_open(int fd) noexcept;
/// Whether another process has the same open file, with its offset and flags, under the same number.
/// False where the kernel does not tell (kcmp(2) is often forbidden in containers).
bool is_shared_with(int pid, int fd) noexcept;

}  // namespace procession::inline v0::os
