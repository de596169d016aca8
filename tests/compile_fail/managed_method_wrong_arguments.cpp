// SPDX-License-Identifier: Apache-2.0
// message: the method takes another number of arguments
#include <procession/mp.hpp>

struct Maths {
    int add(int a, int b) { return a + b; }
};

int call(mp::Proxy<Maths> maths) { return maths.call<&Maths::add>(1); }
