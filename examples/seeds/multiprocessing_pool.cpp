// SPDX-License-Identifier: Apache-2.0

// A fixed number of processes do the work; each begins by calling an initializer.

#include <fmt/ranges.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <iterator>
#include <vector>

int do_calculation(int data) { return data * 2; }

void start_process() { fmt::print("Starting {}\n", mp::current_process().name()); }

int main() {
    const std::vector inputs{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    fmt::print("Input   : {}\n", inputs);

    std::vector<int> builtin_outputs;
    std::transform(inputs.begin(), inputs.end(), std::back_inserter(builtin_outputs), do_calculation);
    fmt::print("Built-in: {}\n", builtin_outputs);

    const int pool_size = 4;
    mp::Pool pool(pool_size, {.initializer = start_process});
    const std::vector<int> pool_outputs = pool.map(do_calculation, inputs);
    pool.close();  // no more tasks
    pool.join();   // wrap up current tasks

    fmt::print("Pool    : {}\n", pool_outputs);
}
