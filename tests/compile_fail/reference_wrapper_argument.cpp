// SPDX-License-Identifier: Apache-2.0
// message: this type cannot be sent to another process
#include <procession/mp.hpp>

#include <functional>

void target(int&) {}

void give(int& number) { mp::Process process(target, std::ref(number)); }
