// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdlib>

namespace procession::test {

/// When a storm that begins now is over: after PROCESSION_STORM_SECONDS.
inline std::chrono::steady_clock::time_point storm_end() {
    const char* seconds = std::getenv("PROCESSION_STORM_SECONDS");
    return std::chrono::steady_clock::now() + std::chrono::seconds(seconds ? std::atoi(seconds) : 3);
}

}  // namespace procession::test
