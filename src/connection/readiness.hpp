// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <poll.h>
#include <unistd.h>

#include <optional>

#include "os/epoll.hpp"
#include "os/event.hpp"

namespace procession::inline v0::connection {

/// A descriptor that is readable when a socket is, or when it is told that there is something beside it.
class Readiness {
  public:
    explicit Readiness(int socket) : socket_(socket) { watch(); }

    /// A forked child gets one of its own, under the number that its parent's has.
    int fd() {
        if (process_ != ::getpid()) {
            epoll_.renew();
            watch();
            if (beside_) epoll_.add(beside_->fd(), POLLIN);
        }
        return epoll_.fd();
    }
    void set(bool readable) {
        fd();
        if (readable && !beside_) {
            beside_.emplace();
            beside_->set();
            epoll_.add(beside_->fd(), POLLIN);
        } else if (!readable && beside_) {
            epoll_.remove(beside_->fd());
            beside_.reset();
        }
    }

  private:
    void watch() {
        process_ = ::getpid();
        epoll_.add(socket_, POLLIN);
    }

    const int socket_;
    pid_t process_ = 0;
    os::Epoll epoll_;
    std::optional<os::Event> beside_;
};

}  // namespace procession::inline v0::connection
