// SPDX-License-Identifier: Apache-2.0

// A process changes a value and an array of its parent's.

#include <fmt/ranges.h>
#include <procession/mp.hpp>

#include <numeric>

void f(mp::Value<double> n, mp::Array<int> a) {
    n.set(3.14);
    a[0] = 5;
}

int main() {
    std::vector<int> range(10);
    std::iota(range.begin(), range.end(), 0);

    mp::Value num(0.0);
    mp::Array arr(range);

    mp::Process p(f, num, arr);
    p.start();
    p.join();

    fmt::print("{}\n", num.get());
    fmt::print("{}\n", arr.span());
}
