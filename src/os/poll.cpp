// SPDX-License-Identifier: Apache-2.0
#include "os/poll.hpp"

#include <algorithm>
#include <array>
#include <ratio>
#include <vector>

#include "os/error.hpp"

namespace procession::inline v0::os {
namespace {

const timespec* to_timespec(const Timeout& left, timespec& storage) {
    if (!left) return nullptr;
    constexpr auto second = std::nano::den;
    storage = {static_cast<time_t>(left->count() / second), static_cast<long>(left->count() % second)};
    return &storage;
}

/// The last of them is the interruption's.
Polled poll_until_ready(std::span<pollfd> all, const Deadline& deadline,
                        const Interruption& interruption) {
    for (;;) {
        timespec left;
        const int ready = ::ppoll(all.data(), all.size(), to_timespec(deadline.left(), left), nullptr);
        if (ready < 0 && errno != EINTR) throw_errno("poll", "ppoll");
        if (interruption.requested()) return Polled::interrupted;
        if (ready > (all.back().revents != 0 ? 1 : 0)) return Polled::ready;
        if (ready == 0 && deadline.expired()) return Polled::timed_out;
    }
}

}  // namespace

Interruption::Interruption(const std::stop_token& one, const std::stop_token& other) {
    if (one.stop_possible() || other.stop_possible()) event_ = &own_.emplace();
    one_.emplace(one, Ring{*this});
    other_.emplace(other, Ring{*this});
}

Interruption::Interruption(const std::stop_token& one, const std::stop_token& other, const Event& event)
    : event_(&event) {
    one_.emplace(one, Ring{*this});
    other_.emplace(other, Ring{*this});
}

Interruption::~Interruption() {
    // Without the callbacks nobody sets it any more, and it can be made ready for the next.
    one_.reset();
    other_.reset();
    if (requested() && !own_) event_->clear();
}

void Interruption::Ring::operator()() const {
    interruption.requested_.store(true);
    interruption.event_->set();
}

Polled poll(int fd, short events, const Deadline& deadline, const Interruption& interruption) {
    std::array<pollfd, 2> all{pollfd{fd, events, 0}, pollfd{interruption.fd(), POLLIN, 0}};
    return poll_until_ready(all, deadline, interruption);
}

Polled poll(std::span<pollfd> watched, const Deadline& deadline, const Interruption& interruption) {
    std::vector<pollfd> all(watched.begin(), watched.end());
    all.push_back({interruption.fd(), POLLIN, 0});
    const Polled polled = poll_until_ready(all, deadline, interruption);
    std::copy_n(all.begin(), watched.size(), watched.begin());
    return polled;
}

}  // namespace procession::inline v0::os
