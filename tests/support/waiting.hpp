// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <procession/mp.hpp>

#include <string>
#include <thread>

namespace procession::test {

/// Looks again and again, until it is so.
template <class Ready>
void wait_until(Ready ready) {
    while (!ready()) std::this_thread::yield();
}

/// How many wait, which is what a condition prints.
inline int waiters_of(const Condition& condition) {
    const std::string text = condition.to_string();
    return std::stoi(text.substr(text.rfind(' ')));
}
inline void wait_for_waiters(const Condition& condition, int count) {
    wait_until([&] { return waiters_of(condition) == count; });
}

/// What a wait at a broken barrier is told.
inline std::string why_broken(const Barrier& barrier) {
    try {
        barrier.wait();
    } catch (const BrokenBarrierError& error) {
        return error.what();
    }
    return "not broken";
}

}  // namespace procession::test
