// SPDX-License-Identifier: Apache-2.0

// A class of processes.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <vector>

struct Worker : mp::Subclass<Worker> {
    void run() override { fmt::print("In {}\n", mp::current_process().name()); }
};

int main() {
    std::vector<Worker> jobs(5);
    for (Worker& job : jobs) job.start();
    for (Worker& job : jobs) job.join();
}
