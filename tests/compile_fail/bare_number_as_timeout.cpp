// SPDX-License-Identifier: Apache-2.0
// message: procession::v0::Timeout
#include <procession/mp.hpp>

bool wait(mp::Process& process) { return process.join(1.5); }
