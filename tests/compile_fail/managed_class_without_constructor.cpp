// SPDX-License-Identifier: Apache-2.0
// message: the class has no default constructor: register another one with mp::constructor<A...>()
#include <procession/mp.hpp>

struct Table {
    explicit Table(int) {}
};

void offer(mp::BaseManager& manager) { manager.register_type<Table>("Table"); }
