// SPDX-License-Identifier: Apache-2.0
// message: a raw pointer means nothing in another process: send the value, or a smart pointer
#include <procession/mp.hpp>

void target(int*) {}

void give(int& number) { mp::Process process(target, &number); }
