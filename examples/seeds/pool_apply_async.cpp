// SPDX-License-Identifier: Apache-2.0

// apply_async has a process of the pool do one call, close lets no more come, join waits for all processes.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <vector>

int f(int x) { return x * x; }

int main() {
    mp::Pool pool(5);
    std::vector<mp::AsyncResult<int>> results;
    for (int x = 1; x <= 10; ++x) results.push_back(pool.apply_async(f, x));
    pool.close();
    pool.join();
    for (const auto& result : results) fmt::print("{}\n", result.get());
}
