// SPDX-License-Identifier: Apache-2.0

// join() with a time limit returns whether the process has ended.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <thread>

using namespace std::chrono_literals;

void daemon_work() {
    fmt::print("Starting: {}\n", mp::current_process().name());
    std::this_thread::sleep_for(20s);
    fmt::print("Exiting : {}\n", mp::current_process().name());
}

void non_daemon() {
    fmt::print("Starting: {}\n", mp::current_process().name());
    fmt::print("Exiting : {}\n", mp::current_process().name());
}

int main() {
    mp::Process d({.name = "daemon", .daemon = true}, daemon_work);
    mp::Process n({.name = "non-daemon", .daemon = false}, non_daemon);
    d.start();
    n.start();
    if (!d.join(1s)) fmt::print("d.is_alive() {}\n", d.is_alive());
    n.join();
}
