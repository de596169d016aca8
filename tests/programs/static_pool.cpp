// SPDX-License-Identifier: Apache-2.0

// Makes a pool in a static initialiser, which a worker would run, too.

#include <procession/mp.hpp>

#include <cstdio>
#include <string>

namespace {

int square(int x) { return x * x; }

const std::string refusal = [] {
    try {
        const mp::Pool pool(2);
        return "none: " + std::to_string(pool.apply(square, 2));
    } catch (const mp::StateError& error) {
        return std::string(error.what());
    }
}();

}  // namespace

int main() {
    std::puts(refusal.c_str());
    std::printf("%d\n", mp::Pool(1).apply(square, 3));
}
