// SPDX-License-Identifier: Apache-2.0

// A pool of very many workers. Compared with large_pool.expected, as an example is.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <numeric>
#include <ranges>

int square(int x) { return x * x; }

// conformance: pool.large
int main() {
    const mp::Pool pool(200);
    const auto squares = pool.map(square, std::views::iota(0, 1000));
    fmt::print("{}\n", std::accumulate(squares.begin(), squares.end(), 0L));
}
