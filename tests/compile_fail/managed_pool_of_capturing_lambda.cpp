// SPDX-License-Identifier: Apache-2.0
// message: a pool cannot send this callable to its workers
#include <procession/mp.hpp>

int call(mp::PoolProxy pool, int n) {
    return pool.apply([n](int x) { return x + n; }, 1);
}
