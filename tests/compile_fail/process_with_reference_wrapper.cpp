// SPDX-License-Identifier: Apache-2.0
// error: this type cannot be sent to another process
#include <procession/mp.hpp>

int main() {
    int value = 1;
    mp::Process process([](int& at) { ++at; }, std::ref(value));
}
