// SPDX-License-Identifier: Apache-2.0

// An event tells other processes to go on; a wait with a time limit returns without it.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <thread>

using namespace std::chrono_literals;

void wait_for_event(mp::Event e) {
    fmt::print("wait_for_event: starting\n");
    e.wait();
    fmt::print("wait_for_event: e.is_set()-> {}\n", e.is_set());
}

void wait_for_event_timeout(mp::Event e, std::chrono::milliseconds t) {
    fmt::print("wait_for_event_timeout: starting\n");
    e.wait(t);
    fmt::print("wait_for_event_timeout: e.is_set()-> {}\n", e.is_set());
}

int main() {
    mp::Event e;
    mp::Process w1({.name = "block"}, wait_for_event, e);
    w1.start();
    mp::Process w2({.name = "nonblock"}, wait_for_event_timeout, e, 2s);
    w2.start();
    fmt::print("main: waiting before calling Event.set()\n");
    std::this_thread::sleep_for(3s);
    e.set();
    fmt::print("main: event is set\n");
}
