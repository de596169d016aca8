// SPDX-License-Identifier: Apache-2.0
// message: ProxyReference
#include <procession/mp.hpp>

void use(int);

void keep(mp::DictProxy<int, int> d) {
    auto x = d[1];
    use(x);
}
