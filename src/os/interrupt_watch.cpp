// SPDX-License-Identifier: Apache-2.0
#include "os/interrupt_watch.hpp"

#include <signal.h>
#include <unistd.h>
#include <procession/error.hpp>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>

#include "os/error.hpp"
#include "os/fork_mutex.hpp"

namespace procession::inline v0::os {
namespace {

constexpr int most_in_a_row = 2;

// Descriptors of events, or -1. A handler may take no lock, so they lie in a fixed place.
struct Told {
    std::atomic<int> fd{-1};
};
std::array<Told, 64> told;
std::atomic<int> interrupts{0};

struct Installed {
    ForkMutex mutex;  ///< guards those below
    int watches = 0;
    struct sigaction before {};
};
Installed& installed() {
    static auto* const instance = new Installed;
    return *instance;
}

void on_interrupt(int signal) {
    const int saved = errno;
    if (interrupts.fetch_add(1) + 1 > most_in_a_row) {
        ::signal(signal, SIG_DFL);
        ::raise(signal);  // comes once this handler has returned
    }
    const std::uint64_t one = 1;
    for (const auto& each : told) {
        const int fd = each.fd.load();
        if (fd >= 0) [[maybe_unused]]
            const auto written = ::write(fd, &one, sizeof one);
    }
    errno = saved;
}

}  // namespace

InterruptWatch::InterruptWatch(const Event& event) {
    Installed& all = installed();
    const std::lock_guard lock(all.mutex);
    place_ = 0;
    for (int free = -1; place_ < static_cast<int>(told.size()); ++place_, free = -1)
        if (told[place_].fd.compare_exchange_strong(free, event.fd())) break;
    if (place_ == static_cast<int>(told.size()))
        throw StateError("InterruptWatch: 64 of this process watch for Ctrl-C already");
    if (all.watches++ == 0) {
        interrupts = 0;
        struct sigaction ours {};
        ours.sa_handler = on_interrupt;
        ours.sa_flags = SA_RESTART;
        ::sigemptyset(&ours.sa_mask);
        checked(::sigaction(SIGINT, &ours, &all.before), "InterruptWatch", "sigaction");
    }
    before_ = interrupts;
}

InterruptWatch::~InterruptWatch() {
    Installed& all = installed();
    const std::lock_guard lock(all.mutex);
    told[place_].fd = -1;
    if (--all.watches != 0) return;
    // A handler that the program has set meanwhile stays.
    struct sigaction now {};
    ::sigaction(SIGINT, nullptr, &now);
    if (now.sa_handler == on_interrupt) ::sigaction(SIGINT, &all.before, nullptr);
}

int InterruptWatch::count() const { return interrupts - before_; }

}  // namespace procession::inline v0::os
