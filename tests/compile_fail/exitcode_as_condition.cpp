// SPDX-License-Identifier: Apache-2.0
// message: operator bool() const
#include <procession/mp.hpp>

bool well(const mp::Process& process) {
    if (process.exitcode()) return false;
    return true;
}
