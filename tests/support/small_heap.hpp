// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "support/program.hpp"

namespace procession::test {

/// Has the case that runs done in another program, whose heap has this limit: a program looks at it once.
/// @returns whether this is that program
inline bool in_program_with_heap_limit(const std::string& limit) {
    constexpr const char* mark = "PROCESSION_TEST_SMALL_HEAP";
    if (std::getenv(mark)) return true;
    const testing::TestInfo& test = *testing::UnitTest::GetInstance()->current_test_info();
    const Ended ended = run_program(
        {"/proc/self/exe", std::string("--gtest_filter=") + test.test_suite_name() + "." + test.name()},
        {"PROCESSION_HEAP_LIMIT=" + limit, std::string(mark) + "=1"});
    EXPECT_EQ(ended.code, 0) << ended.output;
    EXPECT_NE(ended.output.find("[  PASSED  ] 1 test"), std::string::npos) << ended.output;
    return false;
}

}  // namespace procession::test
