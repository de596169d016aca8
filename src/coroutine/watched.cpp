// SPDX-License-Identifier: Apache-2.0
#include "coroutine/watched.hpp"

#include <poll.h>

namespace procession::inline v0::coroutine {

Watched::Place Watched::add(int fd, Errand& waiter) {
    const auto [entry, is_new] = waiters_.try_emplace(fd);
    Waiters& waiters = entry->second;
    try {
        const auto place = waiters.insert(waiters.end(), &waiter);
        if (is_new) epoll_.add(fd, POLLIN);
        return {fd, place};
    } catch (...) {
        if (is_new) waiters_.erase(entry);
        throw;
    }
}

void Watched::remove(const Place& place, bool in_own_process) noexcept {
    const auto entry = waiters_.find(place.fd);
    entry->second.erase(place.waiter);
    if (!entry->second.empty()) return;
    waiters_.erase(entry);
    // A forked child has the same epoll as its parent, and must not change it.
    if (in_own_process) epoll_.remove(place.fd);
}

Errand* Watched::first_waiter(int fd) const {
    const auto entry = waiters_.find(fd);
    return entry == waiters_.end() ? nullptr : entry->second.front();
}

}  // namespace procession::inline v0::coroutine
