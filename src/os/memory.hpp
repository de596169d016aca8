// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "os/descriptor.hpp"

namespace procession::inline v0::os {

/// An anonymous shared file of `size` bytes, sparse, close-on-exec and sealed: nobody who has the
/// descriptor can shrink or grow it, so nobody can make the others die of SIGBUS.
Descriptor make_sealed_memfd(const char* name, std::uint64_t size);

/// The size of a memfd that was inherited; throws unless it carries those seals and is
/// our user's or root's.
std::uint64_t check_sealed_memfd(int fd);

/// A shared mapping of a whole file; unmapped by the destructor unless it is to be kept.
class Mapping {
  public:
    /// @param object, next  what to call it when it fails, and what to do then
    Mapping(int fd, std::uint64_t size, std::string_view object = "shared heap",
            std::string_view next = "Raise RLIMIT_AS, or make the heap smaller.");
    ~Mapping();
    /// Leaves it mapped until the process ends.
    void keep() { size_ = 0; }
    Mapping(Mapping&&) = delete;
    std::byte* base() const { return base_; }
    std::uint64_t size() const { return size_; }

  private:
    std::byte* base_;
    std::uint64_t size_;
};

/// A private zeroed page that is zero again in a child after fork, with no handler (MADV_WIPEONFORK):
/// what lies in it is known to belong to this very process. Never unmapped.
void* make_wipe_on_fork_page();

}  // namespace procession::inline v0::os
