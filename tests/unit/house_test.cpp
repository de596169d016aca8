// SPDX-License-Identifier: Apache-2.0

// The test house itself: were the watchdog or the census to stop working, nothing else would tell.

#include <gtest/gtest.h>
#include <signal.h>

#include "support/expect.hpp"
#include "support/program.hpp"

namespace {

using procession::test::Ended;
using procession::test::expect_parts;
using procession::test::run_program;

Ended run_case(const std::string& name, const std::string& time_factor = "1") {
    return run_program({HOUSE_SUBJECT, "--gtest_filter=" + name},
                       {"PROCESSION_TEST_TIME_FACTOR=" + time_factor});
}

TEST(Watchdog, says_where_every_thread_of_a_stuck_case_is_and_ends_it) {
    const Ended ended = run_case("Stuck.in_two_threads", "0.005");
    EXPECT_EQ(ended.code, -SIGKILL);
    expect_parts(ended.output, {"watchdog: Stuck.in_two_threads", "stuck_in_main", "stuck_in_thread"});
}

struct Leak {
    const char* name;
    std::vector<const char*> report;
};
class Census : public testing::TestWithParam<Leak> {};

TEST_P(Census, fails_a_case_that_leaves_something_behind) {
    const Ended ended = run_case(GetParam().name);
    EXPECT_EQ(ended.code, 1);
    expect_parts(ended.output, GetParam().report);
    expect_parts(ended.output, {"[  FAILED  ]", GetParam().name});
}

INSTANTIATE_TEST_SUITE_P(
    EveryKind, Census,
    testing::Values(Leak{"Leak.of_a_zombie", {"left behind: child", "house_subject, state Z"}},
                    Leak{"Leak.of_a_process", {"left behind: forgotten (pid", "runs"}},
                    Leak{"Leak.of_a_descriptor", {"left behind: descriptor", "(/dev/null)"}},
                    Leak{"Leak.of_a_shared_memory_file", {"left behind: /dev/shm/procession-leak-"}},
                    Leak{"Leak.of_a_temporary_file", {"left behind: ", "/forgotten"}}),
    [](const auto& info) { return std::string(info.param.name).substr(sizeof "Leak.of_a_" - 1); });

TEST(CensusOfTheLibrary, allows_what_it_keeps_until_the_programs_end) {
    const Ended ended = run_case("NoLeak.*");
    EXPECT_EQ(ended.code, 0) << ended.output;
    expect_parts(ended.output, {"[  PASSED  ] 1 test."});
}

}  // namespace
