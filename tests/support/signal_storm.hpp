// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "support/proc.hpp"

namespace procession::test {

inline std::atomic<int> storm_signals = 0;

/// Makes `call` in this thread while another thread interrupts it: `times` times, each time when the
/// call sleeps in the kernel, with a handler that does not have system calls restarted. Then that
/// thread calls `finish`, which must be what `call` waits for. A call that a signal ends returns before.
template <class Call, class Finish>
auto through_signals(Call call, Finish finish, int times = 20) {
    struct sigaction action {
    }, before{};
    action.sa_handler = [](int) { ++storm_signals; };
    ::sigaction(SIGUSR1, &action, &before);
    storm_signals = 0;
    const pthread_t target = ::pthread_self();
    const pid_t target_id = ::gettid();
    std::atomic<bool> returned = false;
    std::thread storm([&] {
        const auto wait_until = [&](auto ready) {
            while (!returned && !ready()) std::this_thread::yield();
        };
        for (int sent = 0; sent < times && !returned;) {
            wait_until([&] { return thread_state(target_id) == 'S'; });
            if (returned) break;
            ::pthread_kill(target, SIGUSR1);
            ++sent;
            wait_until([&] { return storm_signals >= sent; });
        }
        finish();
    });
    const auto result = [&] {
        struct Done {
            std::atomic<bool>& returned;
            std::thread& storm;
            ~Done() {
                returned = true;
                storm.join();
            }
        } done{returned, storm};
        return call();
    }();
    ::sigaction(SIGUSR1, &before, nullptr);
    return result;
}

}  // namespace procession::test
