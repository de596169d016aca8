// SPDX-License-Identifier: Apache-2.0
// error: a raw pointer means nothing in another process
#include <procession/mp.hpp>

int main() {
    int value = 1;
    mp::Process process([](int* at) { ++*at; }, &value);
}
