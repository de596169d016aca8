// SPDX-License-Identifier: Apache-2.0
#include <procession/namespace_proxy.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <procession/error.hpp>

#include <vector>

#include "support/expect.hpp"
#include "support/manager.hpp"
#include "support/thrown.hpp"

namespace {

using procession::AttributeError;
using procession::NamespaceProxy;
namespace test = procession::test;

class NamespaceProxyTest : public test::WithManager {
  protected:
    const NamespaceProxy ns = manager_.Namespace();
};

TEST_F(NamespaceProxyTest, names_have_values_of_any_type) {
    ns.set("number", 10);
    ns.set("text", "Hello");
    ns.set("list", std::vector<int>{1, 2});
    EXPECT_EQ(ns.get<int>("number"), 10);
    EXPECT_EQ(ns.get<std::string>("text"), "Hello");
    EXPECT_EQ(ns.get<std::vector<int>>("list"), (std::vector<int>{1, 2}));
    EXPECT_EQ(fmt::format("{}", ns), "Namespace(list=[1, 2], number=10, text='Hello')");
}

TEST_F(NamespaceProxyTest, a_name_that_is_not_there_is_an_attribute_error_as_in_python) {
    EXPECT_EQ(test::thrown<AttributeError>([&] { static_cast<void>(ns.get<int>("value")); }),
              "'Namespace' object has no attribute 'value'");
    EXPECT_THROW(ns.del("value"), AttributeError);
    EXPECT_FALSE(ns.has("value"));
}

TEST_F(NamespaceProxyTest, a_name_is_taken_away) {
    ns.set("value", 1);
    EXPECT_TRUE(ns.has("value"));
    ns.del("value");
    EXPECT_FALSE(ns.has("value"));
}

TEST_F(NamespaceProxyTest, a_value_of_another_type_is_a_type_mismatch_that_names_it) {
    ns.set("value", "text");
    const std::string text =
        test::thrown<procession::TypeMismatch>([&] { static_cast<void>(ns.get<int>("value")); });
    test::expect_parts(text, {"value: ", "an int is wanted", "a str is there"});
}

TEST_F(NamespaceProxyTest, a_name_with_an_underscore_is_refused) {
    const std::string text = test::thrown<procession::ValueError>([&] { ns.set("_hidden", 1); });
    test::expect_parts(text, {"NamespaceProxy::set", "\"_hidden\"", "underscore", "Use one"});
}

TEST_F(NamespaceProxyTest, a_proxy_in_it_is_a_reference) {
    const auto list = manager_.list<int>();
    ns.set("list", list);
    ns.get<procession::ListProxy<int>>("list").append(1);
    EXPECT_EQ(list.size(), 1u);
}

}  // namespace
