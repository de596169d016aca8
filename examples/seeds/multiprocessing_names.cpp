// SPDX-License-Identifier: Apache-2.0

// Processes have names: given ones, or Process-N.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <string>
#include <thread>

using namespace std::chrono_literals;

void worker() {
    const std::string name = mp::current_process().name();
    fmt::print("{} Starting\n", name);
    std::this_thread::sleep_for(200ms);
    fmt::print("{} Exiting\n", name);
}

void my_service() {
    const std::string name = mp::current_process().name();
    fmt::print("{} Starting\n", name);
    std::this_thread::sleep_for(300ms);
    fmt::print("{} Exiting\n", name);
}

int main() {
    mp::Process service({.name = "my_service"}, my_service);
    mp::Process worker_1({.name = "worker 1"}, worker);
    mp::Process worker_2(worker);
    worker_1.start();
    worker_2.start();
    service.start();
}
