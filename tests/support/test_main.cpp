// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "support/census.hpp"
#include "support/watchdog.hpp"

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    // The census is taken under the watchdog's eye: ends come in the reverse order.
    listeners.Append(new procession::test::Watchdog);
    listeners.Append(new procession::test::Census);
    return RUN_ALL_TESTS();
}
