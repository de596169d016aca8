// SPDX-License-Identifier: Apache-2.0
#include <procession/value_proxy.hpp>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <procession/error.hpp>

#include <string>
#include <vector>

#include "support/manager.hpp"

namespace {

using procession::ArrayProxy;
using procession::IndexError;
using procession::ValueProxy;
namespace test = procession::test;

using ValueProxyTest = test::WithManager;
using ArrayProxyTest = test::WithManager;

TEST_F(ValueProxyTest, has_the_value_that_was_set_last) {
    const ValueProxy<double> x = manager_.Value(0.0);
    x.value() = 3.14;
    const double read = x.value();
    EXPECT_EQ(read, 3.14);
    x.set(2);
    EXPECT_EQ(x.get(), 2);
    EXPECT_EQ(x.value() += 1, 3);
    EXPECT_EQ(fmt::format("{}", x.value()), "3");
}

TEST_F(ValueProxyTest, is_printed_as_python_prints_it) {
    EXPECT_EQ(fmt::format("{}", manager_.Value(3.5)), "Value('d', 3.5)");
}

TEST_F(ValueProxyTest, may_be_text) {
    const ValueProxy<std::string> text = manager_.Value("a");
    text.value() = "b";
    EXPECT_TRUE(text.value() == "b");
}

TEST_F(ArrayProxyTest, elements_are_read_and_written_by_their_index) {
    const ArrayProxy<int> a = manager_.Array({5, 1});
    a[0] = 7;
    a[-1] += 2;
    EXPECT_EQ(a.copy(), (std::vector<int>{7, 3}));
    EXPECT_EQ(a.get(-2), 7);
    a.set(1, 4);
    EXPECT_EQ(a.size(), 2u);
    EXPECT_FALSE(a.empty());
    EXPECT_EQ(fmt::format("{}", a), "array('i', [7, 4])");
}

TEST_F(ArrayProxyTest, an_index_beyond_the_end_is_an_index_error) {
    const ArrayProxy<int> a = manager_.Array({1});
    EXPECT_THROW(static_cast<void>(a[1].get()), IndexError);
    EXPECT_THROW(a[-2] = 1, IndexError);
}

TEST_F(ArrayProxyTest, slices_and_iterations_are_copies) {
    const ArrayProxy<double> a = manager_.Array({0.5, 1.5, 2.5});
    EXPECT_EQ(a.slice(1), (std::vector<double>{1.5, 2.5}));
    EXPECT_EQ(a.slice(0, -1), (std::vector<double>{0.5, 1.5}));
    std::vector<double> seen;
    for (const double each : a) {
        a[0] = 9;
        seen.push_back(each);
    }
    EXPECT_EQ(seen, (std::vector<double>{0.5, 1.5, 2.5}));
}

}  // namespace
