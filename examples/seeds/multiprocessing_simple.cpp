// SPDX-License-Identifier: Apache-2.0

// Five processes that run a function.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <vector>

void worker() { fmt::print("Worker\n"); }

int main() {
    std::vector<mp::Process> jobs;
    for (int i = 0; i < 5; ++i) jobs.emplace_back(worker).start();
}
