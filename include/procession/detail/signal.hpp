// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/detail/export.hpp>

namespace procession::inline v0::detail {

/// A descriptor of its own, which is closed with it.
class PROCESSION_API OwnDescriptor {
  public:
    /// Another one of the same file.
    static OwnDescriptor copy_of(int fd);
    OwnDescriptor(OwnDescriptor&& other) noexcept : fd_(other.release()) {}
    OwnDescriptor& operator=(OwnDescriptor&&) = delete;
    ~OwnDescriptor();

    int get() const noexcept { return fd_; }
    int release() noexcept {
        const int fd = fd_;
        fd_ = -1;
        return fd;
    }

  protected:
    explicit OwnDescriptor(int fd) noexcept : fd_(fd) {}

  private:
    int fd_;
};

/// Something that one thread says to another: its descriptor is readable from then on.
class PROCESSION_API Signal : OwnDescriptor {
  public:
    Signal();
    int fileno() const noexcept { return get(); }
    void set() const noexcept;
};

}  // namespace procession::inline v0::detail
