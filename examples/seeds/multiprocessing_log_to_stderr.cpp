// SPDX-License-Identifier: Apache-2.0

// What the library does, on stderr.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <cstdio>

void worker() {
    fmt::print("Doing some work\n");
    std::fflush(stdout);
}

int main() {
    mp::log_to_stderr(spdlog::level::debug);
    mp::Process p(worker);
    p.start();
    p.join();
}
