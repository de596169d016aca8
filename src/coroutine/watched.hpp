// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <list>
#include <map>
#include <vector>

#include "coroutine/inbox.hpp"
#include "os/epoll.hpp"

namespace procession::inline v0::coroutine {

/// Who waits for which descriptor, the one who has waited longest first.
class Watched {
  public:
    using Waiters = std::list<Errand*>;
    struct Place {
        int fd;
        Waiters::iterator waiter;
    };

    /// Readable while one of them is.
    int fd() const { return epoll_.fd(); }
    bool empty() const { return waiters_.empty(); }
    /// @throws std::system_error  the descriptor is not open, or is that of an ordinary file
    Place add(int fd, Errand& waiter);
    /// The descriptor is left alone once nobody waits for it.
    void remove(const Place&, bool in_own_process) noexcept;

    /// The descriptors that are readable now.
    std::vector<int> ready() const { return epoll_.ready(); }
    /// Who has waited longest for one; nobody: null.
    Errand* first_waiter(int fd) const;

  private:
    os::Epoll epoll_;
    std::map<int, Waiters> waiters_;
};

}  // namespace procession::inline v0::coroutine
