// SPDX-License-Identifier: Apache-2.0
#include <procession/list_proxy.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <numeric>
#include <sstream>
#include <string>
#include <vector>

#include "support/expect.hpp"
#include "support/manager.hpp"

namespace {

using procession::IndexError;
using procession::ListProxy;
using procession::Object;
using procession::ValueError;
namespace test = procession::test;
using Numbers = std::vector<int>;

class ListProxyTest : public test::WithManager {
  protected:
    ListProxy<int> list(std::initializer_list<int> elements = {}) {
        return manager_.list<int>(elements);
    }
};

TEST_F(ListProxyTest, elements_are_read_and_written_by_their_index) {
    const auto l = list({1, 2, 3});
    l[0] = 10;
    l[-1] = 30;
    l[1] += 5;
    const int middle = l[1];
    EXPECT_EQ(middle, 7);
    EXPECT_EQ(l.get(-3), 10);
    l.set(-2, 20);
    EXPECT_EQ(l.copy(), (Numbers{10, 20, 30}));
}

TEST_F(ListProxyTest, an_index_beyond_the_end_is_an_index_error) {
    const auto l = list({1});
    EXPECT_THROW(static_cast<void>(l[1].get()), IndexError);
    EXPECT_THROW(l[-2] = 1, IndexError);
    EXPECT_THROW(static_cast<void>(l.get(1)), IndexError);
    EXPECT_THROW(l.set(1, 1), IndexError);
    EXPECT_THROW(l.erase(1), IndexError);
    EXPECT_THROW(l.pop(1), IndexError);
    EXPECT_THROW(list().pop(), IndexError);
}

TEST_F(ListProxyTest, grows_and_shrinks) {
    const auto l = list();
    EXPECT_TRUE(l.empty());
    l.append(1);
    l.extend({2, 3});
    l.extend(std::vector<short>{4});
    l.insert(0, 0);
    l.insert(100, 5);
    EXPECT_EQ(l.copy(), (Numbers{0, 1, 2, 3, 4, 5}));
    EXPECT_EQ(l.pop(), 5);
    EXPECT_EQ(l.pop(0), 0);
    l.erase(1);
    EXPECT_EQ(l.copy(), (Numbers{1, 3, 4}));
    l.clear();
    EXPECT_EQ(l.size(), 0u);
}

TEST_F(ListProxyTest, finds_elements_by_their_value) {
    const auto l = list({5, 6, 5});
    EXPECT_EQ(l.index(6), 1u);
    EXPECT_EQ(l.count(5), 2u);
    EXPECT_TRUE(l.contains(5));
    EXPECT_FALSE(l.contains(7));
    l.remove(5);
    EXPECT_EQ(l.copy(), (Numbers{6, 5}));
    EXPECT_THROW(l.remove(7), ValueError);
    EXPECT_THROW(static_cast<void>(l.index(7)), ValueError);
}

TEST_F(ListProxyTest, is_sorted_and_reversed_in_place) {
    const auto l = list({3, 1, 2});
    l.sort();
    EXPECT_EQ(l.copy(), (Numbers{1, 2, 3}));
    l.sort(true);
    EXPECT_EQ(l.copy(), (Numbers{3, 2, 1}));
    l.reverse();
    EXPECT_EQ(l.copy(), (Numbers{1, 2, 3}));
    const auto mixed = manager_.list<Object>({1, "a"});
    EXPECT_THROW(mixed.sort(), procession::TypeMismatch);
}

TEST_F(ListProxyTest, slices_are_copies) {
    const auto l = list({0, 1, 2, 3, 4});
    EXPECT_EQ(l.slice(1, 3), (Numbers{1, 2}));
    EXPECT_EQ(l.slice(3), (Numbers{3, 4}));
    EXPECT_EQ(l.slice(-2), (Numbers{3, 4}));
    EXPECT_EQ(l.slice(0, -3), (Numbers{0, 1}));
    EXPECT_EQ(l.slice(3, 1), Numbers());
    EXPECT_EQ(l.slice(0, 100).size(), 5u);
}

TEST_F(ListProxyTest, operators_are_as_in_python) {
    const auto l = list({1});
    l += {2};
    l += Numbers{3};
    EXPECT_EQ(l.copy(), (Numbers{1, 2, 3}));
    EXPECT_EQ(l + Numbers{4}, (Numbers{1, 2, 3, 4}));
    EXPECT_EQ(l * 2, (Numbers{1, 2, 3, 1, 2, 3}));
    l *= 2;
    EXPECT_EQ(l.copy(), (Numbers{1, 2, 3, 1, 2, 3}));
}

TEST_F(ListProxyTest, iterates_over_what_there_was_at_the_beginning) {
    const auto l = list({1, 2, 3});
    Numbers seen;
    for (const int each : l) {
        l.append(each);
        seen.push_back(each);
    }
    EXPECT_EQ(seen, (Numbers{1, 2, 3}));
    EXPECT_EQ(std::accumulate(l.begin(), l.end(), 0), 12);
    EXPECT_TRUE(list().begin() == list().end());
}

TEST_F(ListProxyTest, iterates_over_bools) {
    const auto l = manager_.list<bool>({true, false});
    std::vector<bool> seen;
    for (const bool each : l) seen.push_back(each);
    EXPECT_EQ(seen, (std::vector<bool>{true, false}));
}

TEST_F(ListProxyTest, is_printed_as_python_prints_the_list) {
    const auto l = manager_.list<std::string>({"Hello"});
    EXPECT_EQ(fmt::format("{}", l), "['Hello']");
    EXPECT_EQ(fmt::format("{}", l[0]), "Hello");
    std::ostringstream out;
    out << l;
    EXPECT_EQ(out.str(), "['Hello']");
}

TEST_F(ListProxyTest, text_of_every_spelling_is_a_str) {
    const auto l = manager_.list<std::string>();
    l.append("literal");
    l.append(std::string("string"));
    l.append(std::string_view("view"));
    l[0] = "another";
    EXPECT_EQ(l.copy(), (std::vector<std::string>{"another", "string", "view"}));
    EXPECT_TRUE(l[0] == "another");
    EXPECT_EQ(l[1] += "s", "strings");
}

TEST_F(ListProxyTest, a_list_in_a_list_is_a_reference) {
    const auto outer = manager_.list<ListProxy<int>>();
    outer.append(list({1}));
    outer[0]->append(2);
    outer[0].get()[0] = 3;
    EXPECT_EQ(outer[0]->copy(), (Numbers{3, 2}));
    test::expect_parts(fmt::format("{}", outer), {"[<ListProxy object, typeid 'list' at "});
}

TEST_F(ListProxyTest, copies_are_the_same_list) {
    const auto l = list({1});
    const auto copy = l;  // NOLINT(performance-unnecessary-copy-initialization): it is the subject
    copy.append(2);
    EXPECT_EQ(l.size(), 2u);
    EXPECT_TRUE(l == copy);
    EXPECT_FALSE(l == list({1, 2}));
}

}  // namespace
