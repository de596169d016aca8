// SPDX-License-Identifier: Apache-2.0

// Like soldiers that stand ready: five processes, and each element is one's to do.

#include <fmt/ranges.h>
#include <procession/mp.hpp>

int f(int x) { return x * x; }

int main() {
    mp::Pool pool(5);
    const auto rel = pool.map(f, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
    fmt::print("{}\n", rel);
}
