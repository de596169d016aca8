// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "os/descriptor.hpp"

namespace procession::inline v0::os {

/// A descriptor that is readable while one of others is ready.
class Epoll {
  public:
    Epoll();
    int fd() const { return fd_.get(); }

    /// From now on `watched` counts; closing the last descriptor of its file ends that.
    void add(int watched, short events);
    void change(int watched, short events);
    void remove(int watched) noexcept;
    /// Those that are ready now.
    std::vector<int> ready() const;
    /// An empty one under the same number, for a forked child: what it inherits is its parent's as well.
    void renew();
    void close() { fd_.reset(); }

  private:
    Descriptor fd_;
};

}  // namespace procession::inline v0::os
