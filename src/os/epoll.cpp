// SPDX-License-Identifier: Apache-2.0
#include "os/epoll.hpp"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cstdint>

#include "os/error.hpp"

namespace procession::inline v0::os {
namespace {

Descriptor make() {
    return Descriptor::above_stdio(checked(::epoll_create1(EPOLL_CLOEXEC), "epoll", "epoll_create1",
                                           "Raise RLIMIT_NOFILE if it says EMFILE."));
}

// The events of poll(2) and epoll(7) have the same values.
epoll_event event_of(int fd, short events) {
    epoll_event event{};
    event.events = static_cast<std::uint32_t>(events);
    event.data.fd = fd;
    return event;
}

}  // namespace

Epoll::Epoll() : fd_(make()) {}

void Epoll::add(int watched, short events) {
    epoll_event event = event_of(watched, events);
    checked(::epoll_ctl(fd_.get(), EPOLL_CTL_ADD, watched, &event), "epoll", "epoll_ctl(ADD)");
}

void Epoll::change(int watched, short events) {
    epoll_event event = event_of(watched, events);
    checked(::epoll_ctl(fd_.get(), EPOLL_CTL_MOD, watched, &event), "epoll", "epoll_ctl(MOD)");
}

void Epoll::remove(int watched) noexcept { ::epoll_ctl(fd_.get(), EPOLL_CTL_DEL, watched, nullptr); }

std::vector<int> Epoll::ready() const {
    std::array<epoll_event, 64> events;
    const int count =
        checked(retry_on_signal([&] {
                    return ::epoll_wait(fd_.get(), events.data(), static_cast<int>(events.size()), 0);
                }),
                "epoll", "epoll_wait");
    std::vector<int> found;
    for (int i = 0; i < count; ++i) found.push_back(events[static_cast<std::size_t>(i)].data.fd);
    return found;
}

void Epoll::renew() {
    const Descriptor fresh = make();
    checked(::dup3(fresh.get(), fd_.get(), O_CLOEXEC), "epoll", "dup3");
}

}  // namespace procession::inline v0::os
