// SPDX-License-Identifier: Apache-2.0

// Ending a process by force; join() it afterwards.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <thread>

using namespace std::chrono_literals;

void slow_worker() {
    fmt::print("Starting worker\n");
    std::this_thread::sleep_for(60s);
    fmt::print("Finished worker\n");
}

int main() {
    mp::Process p(slow_worker);
    fmt::print("BEFORE: {} {}\n", p, p.is_alive());
    p.start();
    fmt::print("DURING: {} {}\n", p, p.is_alive());
    p.terminate();
    fmt::print("TERMINATED: {} {}\n", p, p.is_alive());
    p.join();
    fmt::print("JOINED: {} {}\n", p, p.is_alive());
}
