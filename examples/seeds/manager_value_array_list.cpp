// SPDX-License-Identifier: Apache-2.0

// A process changes a value, an array and a list that a manager keeps.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <numeric>
#include <string>
#include <vector>

void f(mp::ValueProxy<double> x, mp::ArrayProxy<int> arr, mp::ListProxy<std::string> l) {
    x.value() = 3.14;
    arr[0] = 5;
    l.append("Hello");
}

int main() {
    std::vector<int> range(10);
    std::iota(range.begin(), range.end(), 0);

    mp::SyncManager server = mp::Manager();
    auto x = server.Value(0.0);
    auto arr = server.Array(range);
    auto l = server.list<std::string>();

    mp::Process proc(f, x, arr, l);
    proc.start();
    proc.join();

    fmt::print("{}\n", x.value());
    fmt::print("{}\n", arr);
    fmt::print("{}\n", l);
}
