// SPDX-License-Identifier: Apache-2.0

// The same, with an argument.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <vector>

void worker(int number) { fmt::print("Worker: {}\n", number); }

int main() {
    std::vector<mp::Process> jobs;
    for (int i = 0; i < 5; ++i) jobs.emplace_back(worker, i).start();
}
