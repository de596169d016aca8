// SPDX-License-Identifier: Apache-2.0
// message: by mp::bind(f, args...)
#include <procession/mp.hpp>

int main() {
    int value = 1;
    mp::Function<int()> function = mp::bind([](const int* at) { return *at; }, &value);
}
