// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <procession/detail/python_exceptions.hpp>
#include <procession/error.hpp>
#include <procession/pickle.hpp>

#include <functional>

#include "managers/array.hpp"
#include "managers/dict.hpp"
#include "managers/list.hpp"
#include "managers/namespace.hpp"
#include "managers/value.hpp"
#include "support/folder.hpp"
#include "support/python.hpp"

namespace procession {
namespace {

using namespace managers;
using namespace procession::test;
using Made = std::shared_ptr<Referent>;

Made make(std::string_view type_id, const Arguments& arguments) {
    if (type_id == "list") return List::make(arguments);
    if (type_id == "dict") return Dict::make(arguments);
    if (type_id == "Namespace") return Namespace::make(arguments);
    if (type_id == "Value") return Value::make(arguments);
    return managers::Array::make(arguments);
}

/// The elements that an iterator has until StopIteration.
Object drained(Referent& iterator) {
    Object elements = Object::list();
    const Object none = Object::tuple(), no_names;
    try {
        for (;;) elements.append(iterator.call(Arguments("__next__", none, no_names), {}).value);
    } catch (const StopIteration&) {
    }
    return elements;
}

/// What a call comes to, as Python has it.
Object outcome(const std::function<Object()>& call) {
    try {
        return call();
    } catch (...) {
        return detail::to_object(std::current_exception());
    }
}

/// A class of exceptions, and the arguments where Python's versions agree on them.
void expect_same(const Object& here, const Object& there, const std::string& what) {
    if (!there.is_exception()) {
        // As they print, too: 1 == True.
        EXPECT_EQ(here, there) << what;
        EXPECT_EQ(here.to_string(), there.to_string()) << what;
        return;
    }
    ASSERT_TRUE(here.is_exception()) << what << ": " << here << " in place of " << there;
    EXPECT_EQ(here.qualname(), there.qualname()) << what << ": " << here << " and " << there;
    const std::string_view name = there.qualname();
    if (name == "KeyError" || name == "IndexError") {
        EXPECT_EQ(here.args(), there.args()) << what;
    }
}

void replay(const Object& each) {
    const std::string_view type_id = each[0].text();
    std::string said = fmt::format("{}(*{}, **{})", type_id, each[1], each[2]);
    Made made;
    const Object failure = outcome([&] {
        made = make(type_id, Arguments(type_id, each[1], each[2]));
        return Object();
    });
    if (!made || each[3].is_exception()) return expect_same(failure, each[3], said);
    EXPECT_EQ(made->to_string(), each[3].text()) << said;
    for (const Object& step : each[4]) {
        const std::string_view method = step[0].text();
        said += fmt::format("\n  {}(*{}, **{})", method, step[1], step[2]);
        const Object came = outcome([&] {
            const Result result = made->call(Arguments(method, step[1], step[2]), {});
            return result.referent ? drained(*result.referent) : result.value;
        });
        expect_same(came, step[4], said);
        EXPECT_EQ(made->to_string(), step[5].text()) << said;
        if (testing::Test::HasFailure()) return;
    }
}

TEST(ManagedObjects, do_as_pythons_do) {
    const auto all = pythons(6);
    if (all.empty()) GTEST_SKIP() << "there is no python3 in the PATH";
    const Folder folder;
    const std::string path = folder.path() + "/cases";
    for (const Python& python : all) {
        for (const char* const seed : {"1", "2", "3"}) {
            const Ended ended =
                run_program({"/usr/bin/env", python.path, MANAGED_OBJECTS, seed, "400", path},
                            {"PYTHONIOENCODING=utf-8", "PYTHONDONTWRITEBYTECODE=1"});
            ASSERT_EQ(ended.code, 0) << python.path << ": " << ended.output;
            const std::string bytes = folder.read("cases");
            const Object cases = pickle::loads(std::as_bytes(std::span(bytes)));
            EXPECT_EQ(cases.size(), 400U);
            for (const Object& each : cases) {
                replay(each);
                ASSERT_FALSE(HasFailure()) << python.path << ", seed " << seed;
            }
        }
    }
}

}  // namespace
}  // namespace procession
