// SPDX-License-Identifier: Apache-2.0

// How processes end: what they throw, their codes, their exit handlers.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "support/start_methods.hpp"
#include "support/targets.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;

class Exit : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, Exit, all_start_methods(), name_of_parameter);

std::string temporary_file() {
    std::string path = testing::TempDir() + "XXXXXX";
    ::close(::mkstemp(path.data()));
    return path;
}
std::string content_of(const std::string& path) {
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    ::unlink(path.c_str());
    return text.str();
}
void throw_into(std::string file) {
    ::dup2(::open(file.c_str(), O_WRONLY), STDERR_FILENO);
    throw std::runtime_error("There was an error!");
}
// conformance: process.stderr_flush
TEST_P(Exit, report_what_they_throw) {
    const std::string file = temporary_file();
    mp::Process process({.name = "thrower"}, throw_into, file);
    process.start();
    process.join();
    EXPECT_EQ(process.exitcode(), 1);
    const std::string report = content_of(file);
    for (const char* part :
         {"thrower", "std::runtime_error", "There was an error!", "Traceback (most recent call last):"})
        EXPECT_NE(report.find(part), std::string::npos) << part << " is missing in: " << report;
}

// conformance: process.sys_exit
TEST_P(Exit, end_with_the_status_given_to_exit) {
    for (const int status : {1, 0, 8}) {
        mp::Process process(exit_with, status);
        process.start();
        process.join();
        EXPECT_EQ(process.exitcode(), status);
    }
}

std::string exit_file;
void write_at_exit(std::string file) {
    exit_file = file;
    std::atexit([] { std::ofstream(exit_file) << "deadbeef"; });
}
// conformance: process.atexit
TEST_P(Exit, run_the_exit_handlers_that_they_registered) {
    const std::string file = temporary_file();
    mp::Process process(write_at_exit, file);
    process.start();
    process.join();
    EXPECT_EQ(content_of(file), "deadbeef");
}
TEST_P(Exit, do_not_run_the_exit_handlers_of_their_parent) {
    exit_file = temporary_file();
    std::atexit([] {
        if (std::getenv("PROCESSION_TEST_PARENT")) std::ofstream(exit_file) << "twice";
    });
    ::setenv("PROCESSION_TEST_PARENT", "1", 1);
    mp::Process process(nothing);
    process.start();
    process.join();
    ::unsetenv("PROCESSION_TEST_PARENT");
    EXPECT_EQ(content_of(exit_file), "");
}

}  // namespace
