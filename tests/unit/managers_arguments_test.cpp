// SPDX-License-Identifier: Apache-2.0
#include "managers/arguments.hpp"

#include <gtest/gtest.h>
#include <procession/error.hpp>

#include <chrono>

#include "support/thrown.hpp"

namespace procession {
namespace {

using managers::Arguments;
using namespace procession::test;
using namespace std::chrono_literals;

/// What is said of arguments that must be an `a`, and may be a `b`.
std::string refused(const Object& positional, const Object& keywords = {}) {
    return thrown<TypeMismatch>([&] { Arguments("f", positional, keywords).require(1, {"a", "b"}); });
}

TEST(ManagerArguments, are_given_by_place_or_by_name) {
    const Object positional = Object::tuple({1}), keywords = Object::dict({{"b", "text"}});
    const Arguments arguments("f", positional, keywords);
    arguments.require(1, {"a", "b"});
    EXPECT_EQ(arguments.integer(0, "a"), 1);
    EXPECT_EQ(arguments.text(1, "b"), "text");
    EXPECT_EQ(arguments.find(2, "c"), nullptr);
    EXPECT_EQ(arguments.integer_or(2, "c", 5), 5);
    EXPECT_TRUE(arguments.flag_or(2, "c", true));
}

TEST(ManagerArguments, must_be_those_that_are_wanted) {
    EXPECT_EQ(refused(Object::tuple()), "f() takes from 1 to 2 arguments (0 given)");
    EXPECT_EQ(refused(Object::tuple({1, 2, 3})), "f() takes from 1 to 2 arguments (3 given)");
    EXPECT_EQ(refused(Object::tuple({1}), Object::dict({{"c", 1}})),
              "f() got an unexpected keyword argument 'c'");
    EXPECT_EQ(refused(Object::tuple({1}), Object::dict({{"a", 1}})),
              "f() got multiple values for argument 'a'");
    EXPECT_EQ(refused(Object::tuple(), Object::dict({{"b", 1}})),
              "f() is missing required argument 'a'");
    EXPECT_EQ(refused(Object::tuple(), Object::dict({{1, 1}})), "f() keywords must be strings");
    EXPECT_EQ(refused(Object::list()), "f() is called with a list of arguments, not with a tuple");
    EXPECT_EQ(refused(Object::tuple(), 5), "f() is called with a int of keywords, not with a dict");
}

TEST(ManagerArguments, without_a_name_are_given_by_place_alone) {
    const Object none = Object::tuple(), keywords = Object::dict({{"", 1}});
    const Arguments arguments("f", none, keywords);
    EXPECT_EQ(thrown<TypeMismatch>([&] { arguments.require(1, {""}); }),
              "f() got an unexpected keyword argument ''");
    EXPECT_EQ(thrown<TypeMismatch>([&] { arguments.at(0, ""); }), "f() is missing required argument 1");
}

TEST(ManagerArguments, are_of_the_types_that_are_wanted) {
    const Object positional = Object::tuple({"a", true, 1.5, Object(std::uint64_t(-1))}), none;
    const Arguments arguments("f", positional, none);
    EXPECT_EQ(arguments.integer(1, ""), 1);
    EXPECT_EQ(thrown<TypeMismatch>([&] { arguments.integer(0, "n"); }),
              "f() argument 'n' must be int, not str");
    EXPECT_EQ(thrown<TypeMismatch>([&] { arguments.text(2, ""); }),
              "f() argument 3 must be str, not float");
    EXPECT_EQ(thrown<TypeMismatch>([&] { arguments.deadline(0, "timeout"); }),
              "f() argument 'timeout' must be a number of seconds, not str");
    EXPECT_EQ(thrown<ValueError>([&] { arguments.integer(3, "n"); }),
              "f() argument 'n' is too large for 64 bits");
}

TEST(ManagerArguments, say_until_when_to_wait) {
    const Object positional = Object::tuple({nullptr, 0, -1.5, 3600, 1e300}), none;
    const Arguments arguments("f", positional, none);
    EXPECT_TRUE(arguments.deadline(0, "").is_never());
    EXPECT_TRUE(arguments.deadline(9, "timeout").is_never());
    EXPECT_TRUE(arguments.deadline(1, "").expired());
    EXPECT_TRUE(arguments.deadline(2, "").expired());
    EXPECT_GT(*arguments.deadline(3, "").left(), 3000s);
    EXPECT_TRUE(arguments.deadline(4, "").is_never());
}

TEST(ManagerArguments, are_true_or_false_as_in_python) {
    for (const Object& each : {Object(), Object(false), Object(0), Object(-0.0), Object(""),
                               Object::list(), Object::dict(), Object(TimeDelta())})
        EXPECT_FALSE(managers::is_true(each)) << each;
    for (const Object& each : {Object(true), Object(-1), Object(0.5), Object("a"), Object::list({0}),
                               Object::exception("ValueError", {})})
        EXPECT_TRUE(managers::is_true(each)) << each;
}

}  // namespace
}  // namespace procession
