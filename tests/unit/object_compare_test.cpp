// SPDX-License-Identifier: Apache-2.0
#include <procession/object.hpp>

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <cmath>
#include <limits>
#include <unordered_set>

namespace {

using procession::Object;
using namespace procession;

Object power_of_two(std::size_t exponent) {
    Object::Bytes bytes(exponent / 8 + 2);
    bytes[exponent / 8] = static_cast<std::byte>(1 << exponent % 8);
    return Object::integer(bytes);
}

TEST(Object, compares_containers_by_what_is_in_them) {
    EXPECT_EQ(Object::list({1, "a"}), Object::list({1.0, "a"}));
    EXPECT_NE(Object::list({1, 2}), Object::list({2, 1}));
    EXPECT_NE(Object::list({1}), Object::list({1, 1}));
    EXPECT_NE(Object::list({1}), Object::tuple({1}));
    EXPECT_EQ(Object::dict({{"a", 1}, {"b", 2}}), Object::dict({{"b", 2}, {"a", true + 0.0}}));
    EXPECT_NE(Object::dict({{"a", 1}}), Object::dict({{"a", 2}}));
    EXPECT_NE(Object::dict({{"a", 1}}), Object::dict({{"b", 1}}));
    EXPECT_NE(Object::dict({{"a", 1}}), Object::dict());
    EXPECT_EQ(Object::set({1, 2}), Object::frozenset({2, 1}));
    EXPECT_NE(Object::set({1, 2}), Object::set({1, 3}));
    EXPECT_NE(Object::set(), Object::dict());
    const double nan = std::nan("");
    const Object list = Object::list({nan});
    EXPECT_NE(list, list);  // as every copy of it
}

TEST(Object, compares_bytes_and_arrays_by_their_elements) {
    const Object::Bytes one(1, std::byte{1});
    EXPECT_EQ(Object(one), Object::bytearray(one));
    EXPECT_NE(Object(one), Object(Object::Bytes(1)));
    EXPECT_EQ(Object::array<int>(std::vector{1, 2}), Object::array<double>(std::vector{1.0, 2.0}));
    EXPECT_NE(Object::array<int>(std::vector{1, 2}), Object::array<int>(std::vector{1}));
    EXPECT_NE(Object::array<int>(std::vector{1}), Object::list({1}));
    const Object matrix = Object::NdArray{"|i1", {1, 2}, Object::Bytes(2)};
    EXPECT_EQ(matrix, Object(Object::NdArray{"|i1", {1, 2}, Object::Bytes(2)}));
    EXPECT_NE(matrix, Object(Object::NdArray{"|i1", {2, 1}, Object::Bytes(2)}));
    EXPECT_NE(matrix, Object(Object::NdArray{"|u1", {1, 2}, Object::Bytes(2)}));
}

TEST(Object, compares_numbers_of_all_sizes_exactly) {
    EXPECT_EQ(power_of_two(64), Object(0x1p64));
    EXPECT_EQ(power_of_two(1023), Object(0x1p1023));
    EXPECT_EQ(power_of_two(70), power_of_two(70));
    EXPECT_NE(power_of_two(64), power_of_two(65));
    EXPECT_NE(power_of_two(64), Object(0));
    EXPECT_NE(power_of_two(64), Object(0x1p65));
    EXPECT_NE(power_of_two(64), Object(-0x1p64));
    Object::Bytes odd = power_of_two(64).integer_bytes();
    odd[0] = std::byte{1};
    EXPECT_NE(Object::integer(odd), Object(0x1p64));
    EXPECT_EQ(Object(std::uint64_t{1} << 63), Object(0x1p63));
    EXPECT_EQ(Object(Object::Complex{1, 0}), Object(true));
    EXPECT_EQ(Object(Object::Complex{0x1p64, 0}), power_of_two(64));
    EXPECT_NE(Object(Object::Complex{1, 1}), Object(1));
    EXPECT_NE(power_of_two(64), Object(std::numeric_limits<double>::infinity()));
}

TEST(Object, compares_times_where_they_are_the_same) {
    const TimeZone utc, east{TimeDelta(0, 3600, 0)}, west{TimeDelta(-1, 82800, 0), "west"};
    EXPECT_EQ(Object(DateTime{{2020, 1, 1}, {0, 30, 0, 0, east}}),
              Object(DateTime{{2019, 12, 31}, {23, 30, 0, 0, utc}}));
    EXPECT_EQ(Object(DateTime{{2020, 12, 31}, {23, 30, 0, 0, west}}),
              Object(DateTime{{2021, 1, 1}, {0, 30, 0, 0, utc}}));
    EXPECT_NE(Object(DateTime{{2020, 1, 1}, {0, 30, 0, 0, east}}),
              Object(DateTime{{2020, 1, 1}, {0, 30, 0, 0, utc}}));
    EXPECT_NE(Object(DateTime{{2020, 1, 1}, {}}), Object(DateTime{{2020, 1, 1}, {.timezone = utc}}));
    EXPECT_EQ(Object(DateTime{{2020, 1, 1}, {}}), Object(DateTime{{2020, 1, 1}, {.fold = 1}}));
    EXPECT_NE(Object(DateTime{{2020, 1, 1}, {}}), Object(Date{2020, 1, 1}));
    EXPECT_EQ(Object(Time{1, 0, 0, 0, east}), Object(Time{0, 0, 0, 0, utc}));
    EXPECT_NE(Object(Time{1}), Object(Time{1, 0, 0, 0, utc}));
    EXPECT_EQ(Object(TimeZone{TimeDelta(0, 3600, 0), "name"}), Object(east));
    EXPECT_NE(Object(TimeDelta(1, 0, 0)), Object(TimeDelta(0, 86399, 0)));
}

TEST(Object, compares_instances_by_class_arguments_and_state) {
    const auto point = [](int x) {
        return Object::instance("shapes", "Point", Object::tuple(), Object::dict({{"x", x}}));
    };
    EXPECT_EQ(point(1), point(1));
    EXPECT_NE(point(1), point(2));
    EXPECT_NE(Object::instance("a", "b"), Object::instance("a", "c"));
    EXPECT_NE(Object::instance("a", "b"),
              Object::instance("a", "b", Object::tuple(), {}, Object::Made::by_call));
    EXPECT_EQ(Object::exception("KeyError", {1}), Object::exception("KeyError", {1}));
    EXPECT_NE(Object::exception("KeyError", {1}), Object::exception("IndexError", {1}));
    EXPECT_EQ(Object::global("a", "b"), Object::global("a", "b"));
    EXPECT_NE(Object::global("a", "b"), Object::global("a", "c"));
}

TEST(Object, has_the_hash_of_what_it_equals) {
    const TimeZone utc, east{TimeDelta(0, 3600, 0)};
    const std::pair<Object, Object> equal[] = {
        {1, true},
        {1, 1.0},
        {0.0, -0.0},
        {1, Object::Complex{1, -0.0}},
        {power_of_two(64), 0x1p64},
        {power_of_two(64), Object::Complex{0x1p64, 0}},
        {std::nan("1"), -std::nan("2")},
        {"text", std::string("text")},
        {Object::tuple({1, "a"}), Object::tuple({1.0, "a"})},
        {Object::frozenset({1, 2, 3}), Object::frozenset({3, 2, 1})},
        {DateTime{{2020, 1, 1}, {0, 30, 0, 0, east}}, DateTime{{2019, 12, 31}, {23, 30, 0, 0, utc}}},
        {Time{1, 0, 0, 0, east}, Time{0, 0, 0, 0, utc}},
        {TimeZone{TimeDelta(), "name"}, utc},
    };
    for (const auto& [left, right] : equal) EXPECT_EQ(left.hash(), right.hash()) << left << " " << right;
    // Also those of one form: tuples of such pairs would be keys that all meet.
    const Object different[] = {nullptr,
                                0,
                                1,
                                1.5,
                                "1",
                                "None",
                                Object(Object::Bytes(1)),
                                Object::tuple(),
                                Object::tuple({1}),
                                Object::tuple({Object::tuple()}),
                                Object::frozenset(),
                                Object::frozenset({1}),
                                Date{},
                                TimeDelta{},
                                Object::global("a", "b"),
                                power_of_two(64),
                                power_of_two(65)};
    std::unordered_set<std::size_t> hashes;
    for (const Object& each : different) hashes.insert(each.hash());
    EXPECT_EQ(hashes.size(), std::size(different));
}

TEST(Object, that_was_changed_has_another_hash) {
    Object set = Object::frozenset({1});
    const std::size_t before = set.hash();
    set.add(2);
    EXPECT_NE(set.hash(), before);
    EXPECT_EQ(set.hash(), Object::frozenset({2, 1}).hash());
}

TEST(Object, is_a_key_of_the_standards_containers) {
    const std::unordered_set<Object> set = {1, true, "a"};
    EXPECT_EQ(set.size(), 2u);
    EXPECT_TRUE(set.contains(1.0));
}

}  // namespace
