// SPDX-License-Identifier: Apache-2.0
// message: a pool cannot send this callable to its workers: a lambda's captures do not travel. Use a function, a lambda without captures or an object with a cereal serialize function, and pass what a lambda would capture by mp::bind(f, args...)
#include <procession/mp.hpp>

int main() {
    int factor = 2;
    mp::Pool pool;
    return pool.map([factor](int x) { return factor * x; }, {1, 2, 3})[0];
}
