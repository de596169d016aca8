// SPDX-License-Identifier: Apache-2.0
// message: the target cannot be called with these arguments
#include <procession/mp.hpp>

void target(int) {}

void give() { mp::Process process(target, 1, 2); }
