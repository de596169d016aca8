// SPDX-License-Identifier: Apache-2.0

// A program's end waits for the tasks of its executors.

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <string>

#include "support/expect.hpp"
#include "support/program.hpp"
#include "support/start_methods.hpp"

namespace {

using namespace procession::test;

class ProgramWithExecutor : public EachStartMethod {
  protected:
    static Ended run(const char* how) {
        return run_program({EXECUTOR_AT_EXIT, how}, {"PROCESSION_START_METHOD=" + name_of(GetParam())});
    }
};
INSTANTIATE_TEST_SUITE_P(EveryMethod, ProgramWithExecutor, all_start_methods(), name_of_parameter);

// conformance: executor.program_end_waits
TEST_P(ProgramWithExecutor, that_runs_off_its_end_waits_for_tasks) {
    for (const char* how : {"runs_off_its_end", "leaves_it_open"}) {
        const Ended ended = run(how);
        EXPECT_EQ(ended.code, 0) << how;
        EXPECT_EQ(ended.output, "apple\n") << how;
    }
}
TEST_P(ProgramWithExecutor, that_calls_exit_waits_for_tasks) {
    const Ended ended = run("calls_exit");
    EXPECT_EQ(ended.code, 3);
    EXPECT_EQ(ended.output, "apple\n");
}
// conformance: executor.no_wait_at_exit
TEST_P(ProgramWithExecutor, that_shut_it_down_without_waiting_waits_for_tasks) {
    const Ended ended = run("shuts_down_without_waiting");
    EXPECT_EQ(ended.code, 0);
    EXPECT_EQ(ended.output, "apple\n");
}
// conformance: executor.submit_in_exit_handler
TEST_P(ProgramWithExecutor, that_has_ended_it_submits_nothing_more) {
    const Ended ended = run("submits_in_exit_handler");
    EXPECT_EQ(ended.code, 0) << ended.output;
    expect_in_order(ended.output,
                    {"apple\n", "ProcessPoolExecutor", "nothing can be submitted any more"});
    EXPECT_EQ(ended.output.find("submitted\n"), std::string::npos) << ended.output;
}

}  // namespace
