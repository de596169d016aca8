// SPDX-License-Identifier: Apache-2.0
#include <procession/object.hpp>

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <cmath>
#include <limits>
#include <map>

#include "support/expect.hpp"

namespace {

using procession::Object;

TEST(Object, is_indexed_as_in_python) {
    const Object list = Object::list({1, "two", Object::tuple({3})});
    EXPECT_EQ(list.size(), 3u);
    EXPECT_EQ(list[0], 1);
    EXPECT_EQ(list[-1][0], 3);
    EXPECT_EQ(list[std::size_t{1}], "two");
    EXPECT_EQ(list[true], "two");
    EXPECT_EQ(list.at(2).size(), 1u);
    const Object dict = Object::dict({{"key", 1}, {2, "two"}, {Object::tuple({1, 2}), "pair"}});
    EXPECT_EQ(dict["key"].as<int>(), 1);
    EXPECT_EQ(dict[std::string("key")].as<int>(), 1);
    EXPECT_EQ(dict[2], "two");
    EXPECT_EQ(dict[2.0], "two");
    EXPECT_EQ(dict[Object::tuple({1, 2})], "pair");
    // Of one that goes, the element stays.
    EXPECT_EQ(Object(dict)["key"], 1);
}

TEST(Object, says_what_is_not_there) {
    const Object list = Object::list({1, 2}), dict = Object::dict({{"key", 1}});
    for (const int index : {2, -3}) {
        try {
            static_cast<void>(list[index]);
            FAIL();
        } catch (const mp::IndexError& error) {
            procession::test::expect_parts(error.what(),
                                           {"list of 2", fmt::format("{}", index).c_str()});
        }
    }
    EXPECT_THROW(static_cast<void>(list[std::numeric_limits<std::uint64_t>::max()]), mp::IndexError);
    try {
        static_cast<void>(dict["other"]);
        FAIL();
    } catch (const mp::KeyError& error) {
        procession::test::expect_parts(error.what(), {"dict", "'other'"});
    }
    EXPECT_THROW(static_cast<void>(dict[0]), mp::KeyError);
    try {
        static_cast<void>(dict[std::string(100000, 'x')]);
        FAIL();
    } catch (const mp::KeyError& error) {
        EXPECT_STREQ(error.what(), "Object: a dict has no large str");
    }
    EXPECT_THROW(static_cast<void>(list["key"]), mp::TypeMismatch);
    EXPECT_THROW(static_cast<void>(list[1.0]), mp::TypeMismatch);
    EXPECT_THROW(static_cast<void>(Object(1)[0]), mp::TypeMismatch);
    EXPECT_THROW(static_cast<void>(Object::set({1})[0]), mp::TypeMismatch);
}

TEST(Object, has_the_length_that_python_says) {
    EXPECT_EQ(Object("a\u20ac\U0001f600").size(), 3u);
    EXPECT_EQ(Object::bytearray(Object::Bytes(5)).size(), 5u);
    EXPECT_EQ(Object::array<int>(std::vector{1, 2}).size(), 2u);
    EXPECT_EQ(Object(Object::NdArray{"<f8", {2, 3}, Object::Bytes(48)}).size(), 2u);
    EXPECT_TRUE(Object::dict().empty());
    EXPECT_THROW(static_cast<void>(Object(1).size()), mp::TypeMismatch);
    EXPECT_THROW(static_cast<void>(Object(Object::NdArray{"<f8", {}, Object::Bytes(8)}).size()),
                 mp::TypeMismatch);
}

TEST(Object, is_iterated) {
    int sum = 0;
    for (const Object& each : Object::list({1, 2, 3})) sum += each.as<int>();
    EXPECT_EQ(sum, 6);
    std::string keys, items;
    const Object dict = Object::dict({{"b", 1}, {"a", 2}});
    for (const Object& key : dict) keys += key.text();
    for (const auto& [key, value] : dict.items()) items += fmt::format("{}{}", key, value);
    EXPECT_EQ(keys, "ba");
    EXPECT_EQ(items, "'b'1'a'2");
    EXPECT_EQ(dict.items().size(), 2u);
    const Object set = Object::set({3, 1, 3}), text = "text";
    EXPECT_EQ(set.elements().size(), 2u);
    EXPECT_THROW(static_cast<void>(text.elements()), mp::TypeMismatch);
    EXPECT_THROW(static_cast<void>(set.items()), mp::TypeMismatch);
}

TEST(Object, is_made_of_ranges) {
    EXPECT_EQ(Object::list(std::vector<int>{1, 2}), Object::list({1, 2}));
    EXPECT_EQ(Object::tuple(std::vector<std::string>{"a"}), Object::tuple({"a"}));
    EXPECT_EQ(Object::set(std::vector<int>{1, 1}).size(), 1u);
    EXPECT_EQ(Object::frozenset(std::vector<int>{1}), Object::frozenset({1}));
    EXPECT_EQ(Object::dict(std::map<std::string, int>{{"a", 1}}), Object::dict({{"a", 1}}));
    EXPECT_EQ(Object::list(Object::tuple({1, 2})), Object::list({1, 2}));
    EXPECT_EQ(Object::list({}), Object::list());
}

TEST(Object, has_one_key_of_equal_ones) {
    Object dict =
        Object::dict({{1, "int"}, {true, "bool"}, {1.0, "float"}, {Object::Complex{1, 0}, "complex"}});
    EXPECT_EQ(dict.to_string(), "{1: 'complex'}");
    dict.set("text", 1);
    dict.set("text", 2);
    EXPECT_EQ(dict.to_string(), "{1: 'complex', 'text': 2}");
    EXPECT_EQ(Object::set({0.0, -0.0, false, 0}).to_string(), "{0.0}");
    EXPECT_EQ(Object::set({"a", Object(Object::Bytes{std::byte{'a'}})}).size(), 2u);
}

TEST(Object, holds_what_python_can_hash_as_keys_and_nothing_else) {
    const procession::TimeZone zone{procession::TimeDelta(0, 3600, 0)};
    const Object keys[] = {nullptr,
                           true,
                           2,
                           1.5,
                           std::numeric_limits<std::uint64_t>::max(),
                           1e300,
                           Object::Complex{1, 2},
                           "text",
                           Object(Object::Bytes(3)),
                           Object::tuple({1, Object::tuple()}),
                           Object::frozenset({1, 2}),
                           procession::Date{},
                           procession::Time{},
                           procession::DateTime{},
                           procession::TimeDelta{},
                           zone,
                           Object::global("a", "b"),
                           Object::exception("ValueError", {1}),
                           Object::instance("a", "b")};
    Object dict = Object::dict();
    for (const Object& key : keys) dict.set(key, key);
    EXPECT_EQ(dict.size(), std::size(keys));
    for (const Object& key : keys) EXPECT_EQ(dict[key], key);

    for (const Object& key :
         {Object::list(), Object::dict(), Object::set(), Object::bytearray(), Object(Object::Array{}),
          Object::tuple({Object::list()}), Object::instance("a", "b", Object::tuple(), Object::dict())})
        try {
            dict.set(key, 1);
            ADD_FAILURE() << key;
        } catch (const mp::TypeMismatch& error) {
            procession::test::expect_parts(error.what(), {"cannot hash"});
        }
}

TEST(Object, finds_nan_as_one_key) {
    const double nan = std::nan("");
    const Object dict = Object::dict({{nan, 1}, {-nan, 2}, {Object::tuple({nan}), 3}});
    EXPECT_EQ(dict.size(), 2u);
    EXPECT_EQ(dict[nan], 2);
    EXPECT_TRUE(dict.contains(Object::tuple({nan})));
}

TEST(Object, contains_what_python_says) {
    EXPECT_TRUE(Object::list({1, "a"}).contains(true));
    EXPECT_FALSE(Object::tuple({1, "a"}).contains("b"));
    EXPECT_TRUE(Object::dict({{"a", 1}}).contains("a"));
    EXPECT_FALSE(Object::dict({{"a", 1}}).contains(1));
    EXPECT_TRUE(Object::frozenset({1.5}).contains(1.5));
    const Object dict = Object::dict({{"a", 1}});
    ASSERT_NE(dict.find("a"), nullptr);
    EXPECT_EQ(*dict.find("a"), 1);
    EXPECT_EQ(dict.find("b"), nullptr);
    EXPECT_THROW(static_cast<void>(Object(1).contains(1)), mp::TypeMismatch);
}

TEST(Object, is_changed) {
    Object list = Object::list({1, 2});
    list.append(3);
    list.set(0, "first");
    list.erase(-2);
    EXPECT_EQ(list.to_string(), "['first', 3]");
    Object dict = Object::dict({{"a", 1}, {"b", 2}, {"c", 3}});
    dict.erase("b");
    dict.set("a", list);
    EXPECT_EQ(dict.to_string(), "{'a': ['first', 3], 'c': 3}");
    Object set = Object::set({1});
    EXPECT_TRUE(set.add(2));
    EXPECT_FALSE(set.add(2.0));
    set.erase(1);
    EXPECT_EQ(set.to_string(), "{2}");
    EXPECT_THROW(list.erase(5), mp::IndexError);
    EXPECT_THROW(list.set(2, 1), mp::IndexError);
    EXPECT_THROW(dict.erase("b"), mp::KeyError);
    EXPECT_THROW(set.erase(1), mp::KeyError);
    EXPECT_THROW(dict.append(1), mp::TypeMismatch);
    EXPECT_THROW(Object::tuple({1}).set(0, 1), mp::TypeMismatch);
    EXPECT_THROW(list.add(1), mp::TypeMismatch);
}

TEST(Object, is_a_value_of_its_own) {
    Object first = Object::dict({{"list", Object::list({1})}});
    Object second = first;
    Object list = second["list"];
    list.append(2);
    second.set("list", list);
    second.set("more", 1);
    EXPECT_EQ(first.to_string(), "{'list': [1]}");
    EXPECT_EQ(second.to_string(), "{'list': [1, 2], 'more': 1}");
    // Also of itself.
    Object self = Object::list({1});
    self.append(self);
    self.set(0, self);
    EXPECT_EQ(self.to_string(), "[[1, [1]], [1]]");
    self = self[0];
    EXPECT_EQ(self.to_string(), "[1, [1]]");
    const Object moved = std::move(self);
    EXPECT_EQ(moved.size(), 2u);
}

TEST(Object, holds_many_keys_in_order) {
    constexpr int many = 20000;
    Object dict = Object::dict();
    for (int i = 0; i < many; ++i) dict.set(fmt::format("key {}", i), i);
    for (int i = 0; i < many; i += 1000) dict.erase(fmt::format("key {}", i));
    EXPECT_EQ(dict.size(), static_cast<std::size_t>(many - many / 1000));
    int last = 0;
    for (const auto& [key, value] : dict.items()) {
        EXPECT_EQ(key.text(), fmt::format("key {}", value));
        EXPECT_GT(value.as<int>(), last);
        last = value.as<int>();
    }
    for (int i = 0; i < many; ++i) EXPECT_EQ(dict.contains(fmt::format("key {}", i)), i % 1000 != 0);
}

Object nested(std::size_t depth) {
    Object object = Object::list();
    for (std::size_t i = 1; i < depth; ++i)
        object = i % 2 ? Object::tuple({object}) : Object::list({object});
    return object;
}

TEST(Object, is_nested_so_deep_and_no_deeper) {
    const Object deep = nested(Object::max_depth);
    EXPECT_EQ(deep, nested(Object::max_depth));
    EXPECT_EQ(deep.to_string().size(), 2 * Object::max_depth + Object::max_depth / 2);
    Object list = Object::list({1}), dict = Object::dict({{"a", 1}});
    EXPECT_THROW(list.append(deep), mp::ValueError);
    EXPECT_THROW(list.set(0, deep), mp::ValueError);
    EXPECT_THROW(dict.set("a", deep), mp::ValueError);
    EXPECT_THROW(dict.set("b", deep), mp::ValueError);
    EXPECT_EQ(list.to_string(), "[1]");
    EXPECT_EQ(dict.to_string(), "{'a': 1}");
    EXPECT_THROW(Object::list({deep}), mp::ValueError);
    EXPECT_THROW(Object::tuple({deep}), mp::ValueError);
    EXPECT_THROW(Object::dict({{"a", deep}}), mp::ValueError);
    try {
        Object::instance("a", "b", Object::tuple(), deep);
        FAIL();
    } catch (const mp::ValueError& error) {
        procession::test::expect_parts(error.what(), {"nested", "1000"});
    }
}

TEST(Object, tells_of_instances_what_they_are_made_of) {
    const Object point =
        Object::instance("shapes", "Point", Object::tuple({1}), Object::dict({{"x", 1}}));
    EXPECT_EQ(point.module(), "shapes");
    EXPECT_EQ(point.qualname(), "Point");
    EXPECT_EQ(point.args()[0], 1);
    EXPECT_EQ(point.state()["x"], 1);
    EXPECT_EQ(point.made(), Object::Made::by_new);
    const Object error = Object::exception("KeyError", {"key"});
    EXPECT_EQ(error.module(), "builtins");
    EXPECT_EQ(error.args()[0], "key");
    EXPECT_TRUE(error.state().is_none());
    EXPECT_THROW(Object::instance("a", "b", Object::list()), mp::TypeMismatch);
    EXPECT_THROW(static_cast<void>(Object(1).module()), mp::TypeMismatch);
    EXPECT_THROW(static_cast<void>(Object::global("a", "b").args()), mp::TypeMismatch);
}

}  // namespace
