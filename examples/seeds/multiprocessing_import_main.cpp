// SPDX-License-Identifier: Apache-2.0

// Five processes that run a function of a shared library, the C++ twin of another module.

#include "multiprocessing_import_worker.hpp"

#include <procession/mp.hpp>

#include <vector>

int main() {
    std::vector<mp::Process> jobs;
    // The lambda is this program's own, so every process of the program knows it by name.
    for (int i = 0; i < 5; ++i) jobs.emplace_back([] { import_worker::worker(); }).start();
}
