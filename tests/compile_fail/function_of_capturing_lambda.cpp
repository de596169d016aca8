// SPDX-License-Identifier: Apache-2.0
// message: by mp::bind(f, args...)
#include <procession/mp.hpp>

int main() {
    int captured = 1;
    mp::Function<int()> function = [captured] { return captured; };
}
