// SPDX-License-Identifier: Apache-2.0
#include <procession/dict_proxy.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <procession/list_proxy.hpp>

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "support/expect.hpp"
#include "support/manager.hpp"
#include "support/thrown.hpp"

namespace {

using procession::DictProxy;
using procession::KeyError;
using procession::ListProxy;
using procession::Object;
namespace test = procession::test;
using Numbers = DictProxy<std::string, int>;
using Pairs = std::vector<std::pair<std::string, int>>;

struct Point {
    int x = 0;
    int y = 0;
};

class DictProxyTest : public test::WithManager {
  protected:
    Numbers dict(std::initializer_list<std::pair<std::string, int>> items = {}) {
        return manager_.dict<std::string, int>(items);
    }
};

TEST_F(DictProxyTest, a_key_has_the_value_that_was_set_last) {
    const Numbers d = dict();
    d["a"] = 1;
    d["b"] = 2;
    d["a"] = 3;
    const int a = d["a"];
    EXPECT_EQ(a, 3);
    EXPECT_EQ(d["b"].get(), 2);
    EXPECT_EQ(d.size(), 2u);
}

TEST_F(DictProxyTest, a_value_is_changed_in_place_by_operators) {
    const Numbers d = dict({{"a", 7}});
    EXPECT_EQ(d["a"] += 3, 10);
    EXPECT_EQ(d["a"] -= 1, 9);
    EXPECT_EQ(d["a"] *= 4, 36);
    EXPECT_EQ(d["a"] /= 3, 12);
    EXPECT_EQ(d["a"] %= 5, 2);
    EXPECT_EQ(++d["a"], 3);
    EXPECT_EQ(d["a"]++, 3);
    EXPECT_EQ(--d["a"], 3);
    EXPECT_EQ(d["a"]--, 3);
    EXPECT_EQ(d["a"].get(), 2);
}

TEST_F(DictProxyTest, references_are_assigned_by_value) {
    const Numbers d = dict({{"a", 1}, {"b", 2}});
    d["a"] = d["b"];
    d["c"] = d["d"] = 5;
    EXPECT_EQ(d.copy(), (std::map<std::string, int>{{"a", 2}, {"b", 2}, {"c", 5}, {"d", 5}}));
}

TEST_F(DictProxyTest, references_compare_and_print_as_their_values) {
    const Numbers d = dict({{"a", 1}, {"b", 1}, {"c", 2}});
    EXPECT_TRUE(d["a"] == 1);
    EXPECT_TRUE(d["a"] == d["b"]);
    EXPECT_FALSE(d["a"] == d["c"]);
    EXPECT_TRUE(d["a"] != d["c"]);
    EXPECT_EQ(fmt::format("{:03}", d["c"]), "002");
    std::ostringstream out;
    out << d["c"];
    EXPECT_EQ(out.str(), "2");
}

TEST_F(DictProxyTest, a_key_that_is_not_there_is_a_key_error_that_names_it) {
    const Numbers d = dict();
    const std::string text = test::thrown<KeyError>([&] { static_cast<void>(d["absent"].get()); });
    EXPECT_NE(text.find("absent"), text.npos) << text;
    EXPECT_THROW(static_cast<void>(d.at("absent")), KeyError);
    EXPECT_THROW(d.pop("absent"), KeyError);
    EXPECT_THROW(d.popitem(), KeyError);
    EXPECT_THROW(d["absent"] += 1, KeyError);
}

TEST_F(DictProxyTest, get_says_whether_there_is_a_value) {
    const Numbers d = dict({{"a", 0}});
    EXPECT_EQ(d.get("a"), 0);
    EXPECT_EQ(d.get("b"), std::nullopt);
    EXPECT_EQ(d.get("b", 4), 4);
    EXPECT_TRUE(d.contains("a"));
    EXPECT_FALSE(d.contains("b"));
}

TEST_F(DictProxyTest, get_tells_none_from_nothing) {
    const auto d = manager_.dict<std::string, Object>();
    d["none"] = Object();
    EXPECT_EQ(d.get("none"), std::optional(Object()));
    EXPECT_EQ(d.get("absent"), std::nullopt);
    const auto optionals = manager_.dict<std::string, std::optional<int>>();
    optionals["none"] = std::nullopt;
    ASSERT_TRUE(optionals.get("none").has_value());
    EXPECT_EQ(*optionals.get("none"), std::nullopt);
    EXPECT_FALSE(optionals.get("absent").has_value());
}

TEST_F(DictProxyTest, what_is_taken_out_is_gone) {
    const Numbers d = dict({{"a", 1}, {"b", 2}, {"c", 3}, {"d", 4}});
    EXPECT_EQ(d.pop("b"), 2);
    EXPECT_EQ(d.pop("b", 9), 9);
    EXPECT_EQ(d.popitem(), (std::pair<std::string, int>("d", 4)));
    EXPECT_TRUE(d.erase("a"));
    EXPECT_FALSE(d.erase("a"));
    EXPECT_EQ(d.keys(), std::vector<std::string>{"c"});
    d.clear();
    EXPECT_TRUE(d.empty());
}

TEST_F(DictProxyTest, setdefault_sets_only_what_is_not_there) {
    const Numbers d = dict({{"a", 1}});
    EXPECT_EQ(d.setdefault("a", 5), 1);
    EXPECT_EQ(d.setdefault("b", 5), 5);
    EXPECT_EQ(d.items(), (Pairs{{"a", 1}, {"b", 5}}));
}

TEST_F(DictProxyTest, update_takes_maps_and_ranges_of_pairs) {
    const Numbers d = dict({{"a", 1}});
    d.update(std::map<std::string, int>{{"b", 2}});
    d.update(std::vector<std::pair<const char*, short>>{{"c", 3}, {"a", 4}});
    d.update({{"d", 5}});
    EXPECT_EQ(d.items(), (Pairs{{"a", 4}, {"b", 2}, {"c", 3}, {"d", 5}}));
    EXPECT_EQ(d.values(), (std::vector<int>{4, 2, 3, 5}));
}

TEST_F(DictProxyTest, a_copy_is_a_map_of_ones_choice) {
    const Numbers d = dict({{"b", 2}, {"a", 1}});
    const std::map<std::string, int> ordered = d.copy();
    EXPECT_EQ(ordered.begin()->first, "a");
    EXPECT_EQ((d.copy<std::unordered_map<std::string, int>>().at("b")), 2);
    const auto any = manager_.dict<Object, Object>();
    any[1] = "one";
    const std::unordered_map<Object, Object> objects = any.copy();
    EXPECT_EQ(objects.at(1), Object("one"));
}

TEST_F(DictProxyTest, iterates_over_what_there_was_at_the_beginning) {
    const Numbers d = dict({{"b", 2}, {"a", 1}});
    Pairs seen;
    for (const auto& [key, value] : d) {
        d[key + key] = 0;
        seen.emplace_back(key, value);
    }
    EXPECT_EQ(seen, (Pairs{{"b", 2}, {"a", 1}}));
    EXPECT_EQ(Pairs(d.begin(), d.end()).size(), 4u);
}

TEST_F(DictProxyTest, is_printed_as_python_prints_the_dict) {
    const Numbers d = dict({{"a", 1}, {"b", 2}});
    EXPECT_EQ(fmt::format("{}", d), "{'a': 1, 'b': 2}");
    std::ostringstream out;
    out << d;
    EXPECT_EQ(out.str(), "{'a': 1, 'b': 2}");
}

TEST_F(DictProxyTest, holds_values_of_any_type) {
    const auto d = manager_.dict<Object, Object>();
    d["text"] = "x";
    d[1] = 2.5;
    d[Object::tuple({1, 2})] = Object::list({1, "a", {}});
    EXPECT_EQ(fmt::format("{}", d), "{'text': 'x', 1: 2.5, (1, 2): [1, 'a', None]}");
    const Object text = d["text"];
    EXPECT_EQ(text, Object("x"));
}

TEST_F(DictProxyTest, holds_values_of_classes) {
    const auto d = manager_.dict<int, Point>();
    d[1] = {3, 4};
    d[2] = Point{5, 6};
    EXPECT_EQ(d[1]->y, 4);
    const Point second = d[2];
    EXPECT_EQ(second.x, 5);
}

TEST_F(DictProxyTest, a_mutable_value_is_a_copy_until_it_is_set_again) {
    const auto d = manager_.dict<std::string, std::vector<int>>();
    d["l"] = {1};
    std::vector<int> value = d["l"];
    value.push_back(2);
    EXPECT_EQ(d["l"].get(), std::vector<int>{1});
    d["l"] = value;
    EXPECT_EQ(d["l"].get(), (std::vector<int>{1, 2}));
}

TEST_F(DictProxyTest, a_proxy_in_it_refers_to_what_it_referred_to) {
    const auto d = manager_.dict<std::string, ListProxy<int>>();
    {
        const ListProxy<int> list = manager_.list<int>();
        d["a"] = list;
        list.append(1);
    }
    d["a"]->append(2);
    d["a"].get()[0] = 7;
    const ListProxy<int> list = d["a"];
    EXPECT_EQ(list.copy(), (std::vector<int>{7, 2}));
    EXPECT_TRUE(list == d["a"].get());
    test::expect_parts(fmt::format("{}", d), {"{'a': <ListProxy object, typeid 'list' at "});
    for (const auto& [key, value] : d) value.append(3);
    EXPECT_EQ(list.size(), 3u);
}

TEST_F(DictProxyTest, a_proxy_is_one_of_the_values_of_a_dict_of_objects) {
    const auto d = manager_.dict<std::string, Object>();
    const Numbers inner = dict({{"x", 1}});
    d["inner"] = inner;
    const Numbers again(d["inner"].get());
    again["x"] += 1;
    EXPECT_EQ(inner["x"].get(), 2);
}

TEST_F(DictProxyTest, a_value_of_another_type_is_a_type_mismatch) {
    const Numbers d = dict();
    DictProxy<std::string, std::string> texts(d);
    texts["a"] = "not a number";
    const std::string text =
        test::thrown<procession::TypeMismatch>([&] { static_cast<void>(d["a"].get()); });
    test::expect_parts(text, {"__getitem__", "an int is wanted", "a str is there"});
    EXPECT_EQ(d.keys(), std::vector<std::string>{"a"});
}

TEST_F(DictProxyTest, to_nothing_says_so) {
    const Numbers nothing;
    EXPECT_THROW(static_cast<void>(nothing.size()), procession::StateError);
}

TEST_F(DictProxyTest, no_proxy_comes_from_another_object) {
    EXPECT_THROW(Numbers(Object(1)), procession::TypeMismatch);
    const auto d = manager_.dict<std::string, Object>();
    d["n"] = 1;
    const DictProxy<std::string, Numbers> wrong(d);
    const std::string text =
        test::thrown<procession::TypeMismatch>([&] { static_cast<void>(wrong["n"].get()); });
    test::expect_parts(text, {"a proxy is wanted", "an int is there"});
}

}  // namespace
