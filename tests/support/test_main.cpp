// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "support/census.hpp"
#include "support/watchdog.hpp"

// The C++ library is not built for the thread sanitizer, which so does not see how an exception's holders are counted.
// Who looks at a stream without its lock may look at memory that is another's by now: what it saw there counts only if
// nothing was taken meanwhile.
extern "C" const char* __tsan_default_suppressions() {
    return "race:std::__exception_ptr::exception_ptr::_M_release\n"
           "race:procession::v0::queues::shows_message\n";
}

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    // The census is taken under the watchdog's eye: ends come in the reverse order.
    listeners.Append(new procession::test::Watchdog);
    listeners.Append(new procession::test::Census);
    return RUN_ALL_TESTS();
}
