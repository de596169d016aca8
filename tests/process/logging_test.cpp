// SPDX-License-Identifier: Apache-2.0

// The log.

#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <procession/mp.hpp>

#include <sstream>

#include "log/log.hpp"
#include "support/start_methods.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;

class Logs : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, Logs, all_start_methods(), name_of_parameter);

// conformance: logging.enable
TEST(Logging, has_a_level_and_is_silent_below_it) {
    mp::get_logger()->set_level(spdlog::level::warn);
    mp::get_logger()->debug("not seen");
    EXPECT_EQ(mp::get_logger()->level(), spdlog::level::warn);
}
void report_level(mp::Queue<int> out) { out.put(mp::get_logger()->level()); }
// conformance: logging.level_inherited
TEST_P(Logs, inherit_the_log_level) {
    mp::get_logger()->set_level(spdlog::level::err);
    mp::Queue<int> out;
    mp::Process process(report_level, out);
    process.start();
    EXPECT_EQ(out.get(), spdlog::level::err);
    process.join();
}

// conformance: logging.caller_file
TEST(Logging, lines_name_the_file_that_wrote_them) {
    std::ostringstream text;
    const auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text);
    sink->set_pattern("[%l] [%s] %v");
    const auto logger = mp::get_logger();
    logger->sinks().push_back(sink);
    logger->set_level(spdlog::level::debug);
    SPDLOG_LOGGER_INFO(logger, "1");
    procession::detail::log_info("{}", 2);
    procession::detail::log_debug("3");
    logger->sinks().pop_back();
    EXPECT_EQ(
        text.str(),
        "[info] [logging_test.cpp] 1\n[info] [logging_test.cpp] 2\n[debug] [logging_test.cpp] 3\n");
}

}  // namespace
