// SPDX-License-Identifier: Apache-2.0

// What a process prints of an exception that it does not catch.

#include <procession/mp.hpp>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "support/expect.hpp"

namespace {

class Tracebacks : public testing::TestWithParam<mp::StartMethod> {
  protected:
    void SetUp() override { mp::set_start_method(GetParam(), true); }
};

INSTANTIATE_TEST_SUITE_P(EveryMethod, Tracebacks, testing::ValuesIn(mp::get_all_start_methods()),
                         [](const auto& info) {
                             return info.param == mp::StartMethod::fork    ? "fork"
                                    : info.param == mp::StartMethod::spawn ? "spawn"
                                                                           : "forkserver";
                         });

struct TemporaryFile {
    TemporaryFile() { ::close(::mkstemp(name.data())); }
    ~TemporaryFile() { ::unlink(name.c_str()); }
    std::string content() const {
        std::stringstream text;
        text << std::ifstream(name).rdbuf();
        return text.str();
    }
    std::string name = "/tmp/procession_traceback_XXXXXX";
};

const std::string header = "Traceback (most recent call last):\n";

struct AppError : std::runtime_error {
    using runtime_error::runtime_error;
};

constexpr int thrower_line = __LINE__ + 1;
[[gnu::noinline]] void throw_app_error(int number) { throw AppError("no " + std::to_string(number)); }
[[gnu::noinline]] void throw_nested() {
    try {
        throw std::out_of_range("inner");
    } catch (...) {
        std::throw_with_nested(AppError("outer"));
    }
}
[[gnu::noinline]] void throw_while_handling() {
    try {
        throw std::out_of_range("first");
    } catch (const std::exception&) {
        throw AppError("second");
    }
}
[[gnu::noinline]] void throw_again() {
    try {
        throw AppError("once");
    } catch (...) {
        throw;
    }
}

enum class What { app_error, nested, while_handling, again, number, exit, queue };

void run(std::string stderr_file, What what) {
    ::dup2(::open(stderr_file.c_str(), O_WRONLY | O_APPEND), STDERR_FILENO);
    switch (what) {
        case What::app_error: throw_app_error(7); break;
        case What::nested: throw_nested(); break;
        case What::while_handling: throw_while_handling(); break;
        case What::again: throw_again(); break;
        case What::number: throw 42;
        case What::exit: mp::exit(3);
        case What::queue: static_cast<void>(mp::Queue<int>().get_nowait()); break;
    }
}

std::string report_of(What what, int expected_code = 1) {
    const TemporaryFile file;
    mp::Process process({.name = "reporter"}, run, file.name, what);
    process.start();
    process.join();
    EXPECT_EQ(process.exitcode(), expected_code);
    return file.content();
}

TEST_P(Tracebacks, begin_with_the_process_and_end_with_type_and_text) {
    const std::string text = report_of(What::app_error);
    EXPECT_TRUE(text.starts_with("Process reporter:\n" + header)) << text;
    EXPECT_TRUE(text.ends_with("\n(anonymous namespace)::AppError: no 7\n")) << text;
}

TEST_P(Tracebacks, name_the_function_that_threw_and_its_line_after_its_caller) {
    procession::test::expect_in_order(
        report_of(What::app_error),
        {"traceback_test.cpp\", line ",
         "in (anonymous namespace)::run(std::string, (anonymous namespace)::What)\n",
         "traceback_test.cpp\", line " + std::to_string(thrower_line) +
             ", in (anonymous namespace)::throw_app_error(int)\n"});
}

TEST_P(Tracebacks, show_the_users_calls_alone) {
    const std::string text = report_of(What::app_error);
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5) << text;
}

TEST_P(Tracebacks, of_what_the_library_throws_end_with_the_users_call) {
    const std::string text = report_of(What::queue);
    procession::test::expect_in_order(text, {"in (anonymous namespace)::run(", "\nprocession::Empty: "});
    EXPECT_EQ(text.find("get_nowait("), text.npos) << text;
}

TEST_P(Tracebacks, show_nested_exceptions_before_what_they_caused) {
    procession::test::expect_in_order(
        report_of(What::nested),
        {"Process reporter:\nstd::out_of_range: inner\n",
         "\nThe above exception was the direct cause of the following exception:\n\n", header,
         "throw_nested()", "\n(anonymous namespace)::AppError: outer\n"});
}

TEST_P(Tracebacks, show_what_was_being_handled) {
    procession::test::expect_in_order(
        report_of(What::while_handling),
        {"Process reporter:\nstd::out_of_range: first\n",
         "\nDuring handling of the above exception, another exception occurred:\n\n", header,
         "throw_while_handling()", "\n(anonymous namespace)::AppError: second\n"});
}

TEST_P(Tracebacks, of_a_rethrown_exception_show_it_once) {
    const std::string text = report_of(What::again);
    procession::test::expect_in_order(text, {header, "throw_again()", "AppError: once\n"});
    EXPECT_EQ(text.find("AppError"), text.rfind("AppError")) << text;
}

TEST_P(Tracebacks, of_what_is_no_exception_show_its_type_and_value) {
    procession::test::expect_in_order(report_of(What::number),
                                      {header, "in (anonymous namespace)::run(", "\nint: 42\n"});
}

TEST_P(Tracebacks, are_not_shown_of_an_exit) { EXPECT_EQ(report_of(What::exit, 3), ""); }

TEST_P(Tracebacks, of_a_stripped_program_show_type_and_text) {
    const TemporaryFile program;
    const std::string own_case = testing::UnitTest::GetInstance()->current_test_info()->name();
    const std::string its_case =
        "begin_with_the_process_and_end_with_type_and_text" + own_case.substr(own_case.rfind('/'));
    const std::string command = "strip -o " + program.name + " /proc/" + std::to_string(::getpid()) +
                                "/exe && chmod +x " + program.name + " && " + program.name +
                                " --gtest_filter='*" + its_case + "' | grep -q 'PASSED.* 1 test'";
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
}

}  // namespace
