// SPDX-License-Identifier: Apache-2.0

// The program waits for its processes, but ends its daemons.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <cstdio>
#include <thread>

using namespace std::chrono_literals;

void daemon_work() {
    const mp::ProcessHandle me = mp::current_process();
    fmt::print("Starting: {} {}\n", me.name(), me.pid());
    std::fflush(stdout);
    std::this_thread::sleep_for(20s);
    fmt::print("Exiting : {} {}\n", me.name(), me.pid());
}

void non_daemon() {
    const mp::ProcessHandle me = mp::current_process();
    fmt::print("Starting: {} {}\n", me.name(), me.pid());
    fmt::print("Exiting : {} {}\n", me.name(), me.pid());
}

int main() {
    mp::Process d({.name = "daemon", .daemon = true}, daemon_work);
    mp::Process n({.name = "non-daemon", .daemon = false}, non_daemon);
    d.start();
    std::this_thread::sleep_for(500ms);
    n.start();
}
