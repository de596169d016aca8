// SPDX-License-Identifier: Apache-2.0

// Ten processes each set a key of a dict that a manager keeps.

#include <fmt/ranges.h>
#include <procession/mp.hpp>

#include <vector>

void worker(mp::DictProxy<int, int> d, int key, int value) { d[key] = value; }

int main() {
    mp::SyncManager mgr = mp::Manager();
    auto d = mgr.dict<int, int>();
    std::vector<mp::Process> jobs;
    for (int i = 0; i < 10; ++i) jobs.emplace_back(worker, d, i, i * 2);
    for (auto& j : jobs) j.start();
    for (auto& j : jobs) j.join();
    // A std::map. The dict itself has its keys in the order in which they came.
    fmt::print("Results: {}\n", d.copy());
}
