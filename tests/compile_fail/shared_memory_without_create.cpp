// SPDX-License-Identifier: Apache-2.0
// message: deleted
#include <procession/mp.hpp>

void make() { mp::SharedMemory block(4096); }
