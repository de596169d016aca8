// SPDX-License-Identifier: Apache-2.0
// message: this type cannot be sent to another process
#include <procession/mp.hpp>

#include <mutex>

void target(std::mutex&) {}

void give(std::mutex& mutex) { mp::Process process(target, mutex); }
