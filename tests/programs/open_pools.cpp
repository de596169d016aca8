// SPDX-License-Identifier: Apache-2.0

// Pools that are still open when main ends: one that goes with the program's other objects, and one that nothing
// ever destroys. Compared with open_pools.expected, as an example is.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <optional>

std::optional<mp::Pool> global;
mp::Pool* forgotten = nullptr;

int square(int x) { return x * x; }

// conformance: pool.open_at_exit
int main() {
    global.emplace(2);
    forgotten = new mp::Pool(2);
    fmt::print("{} {}\n", global->apply(square, 2), forgotten->apply(square, 3));
}
