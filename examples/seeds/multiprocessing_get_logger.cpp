// SPDX-License-Identifier: Apache-2.0

// The library's logger is an spdlog logger: its level is set here by hand.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <cstdio>

void worker() {
    fmt::print("Doing some work\n");
    std::fflush(stdout);
}

int main() {
    mp::log_to_stderr();
    mp::get_logger()->set_level(spdlog::level::info);
    mp::Process p(worker);
    p.start();
    p.join();
}
