// SPDX-License-Identifier: Apache-2.0

// CPython's fork bomb: a program that starts a process first of all. A child that reached main would
// start another.

#include <procession/mp.hpp>

#include <cstdio>

namespace {
void nothing() {}
}  // namespace

int main() {
    mp::Process process(nothing);
    process.start();
    process.join();
    std::puts("123");
    return process.exitcode() == 0 ? 0 : 1;
}
