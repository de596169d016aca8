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

/// Until so many wait, which is what a condition prints.
inline void wait_for_waiters(const Condition& condition, int count) {
    wait_until([&] { return condition.to_string().ends_with(", " + std::to_string(count) + ")>"); });
}

/// Looks at what a condition's lock guards.
template <class Condition, class Look>
auto locked(const Condition& condition, Look look) {
    const std::unique_lock lock(condition);
    return look();
}

}  // namespace procession::test
