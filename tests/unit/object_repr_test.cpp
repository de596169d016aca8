// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <procession/mp.hpp>
#include <procession/object.hpp>

#include <limits>

namespace {

using procession::Object;
using namespace procession;

std::string repr(const Object& object) { return object.to_string(); }

Object::Bytes bytes(std::string_view text) {
    const auto raw = std::as_bytes(std::span(text));
    return {raw.begin(), raw.end()};
}

TEST(ObjectRepr, of_containers_is_pythons) {
    EXPECT_EQ(repr(Object::list()), "[]");
    EXPECT_EQ(repr(Object::list({1, "a", nullptr, Object::list({true})})), "[1, 'a', None, [True]]");
    EXPECT_EQ(repr(Object::tuple()), "()");
    EXPECT_EQ(repr(Object::tuple({1})), "(1,)");
    EXPECT_EQ(repr(Object::tuple({1, 2})), "(1, 2)");
    EXPECT_EQ(repr(Object::dict()), "{}");
    EXPECT_EQ(repr(Object::dict({{0, 1}, {"a", Object::dict()}})), "{0: 1, 'a': {}}");
    EXPECT_EQ(repr(Object::set()), "set()");
    EXPECT_EQ(repr(Object::set({1, 2})), "{1, 2}");
    EXPECT_EQ(repr(Object::frozenset()), "frozenset()");
    EXPECT_EQ(repr(Object::frozenset({1})), "frozenset({1})");
}

TEST(ObjectRepr, of_bytearrays_is_pythons) {
    EXPECT_EQ(repr(Object::bytearray()), "bytearray(b'')");
    EXPECT_EQ(repr(Object::bytearray(bytes("it's"))),
              "bytearray(b\"it\\'s\")");  // in bytes it is not escaped
    EXPECT_EQ(repr(Object::bytearray(bytes("'\""))), "bytearray(b'\\'\"')");
}

TEST(ObjectRepr, of_complex_numbers_is_pythons) {
    const double inf = std::numeric_limits<double>::infinity();
    EXPECT_EQ(repr(Object::Complex{1, 2}), "(1+2j)");
    EXPECT_EQ(repr(Object::Complex{0, 2.5}), "2.5j");
    EXPECT_EQ(repr(Object::Complex{-0.0, 1}), "(-0+1j)");
    EXPECT_EQ(repr(Object::Complex{1e16, -0.0}), "(1e+16-0j)");
    EXPECT_EQ(repr(Object::Complex{inf, -inf}), "(inf-infj)");
    EXPECT_EQ(repr(Object::Complex{0, std::nan("")}), "nanj");
}

TEST(ObjectRepr, of_arrays_is_pythons) {
    EXPECT_EQ(repr(Object::array<int>(std::vector{5, 1})), "array('i', [5, 1])");
    EXPECT_EQ(repr(Object::array<double>(std::vector{5.0})), "array('d', [5.0])");
    EXPECT_EQ(repr(Object::array<unsigned long long>(
                  std::vector{std::numeric_limits<unsigned long long>::max()})),
              "array('Q', [18446744073709551615])");
    EXPECT_EQ(repr(Object::Array{'h', {}}), "array('h')");
    EXPECT_EQ(repr(Object::Array{'u', bytes({"a\0\0\0'\0\0\0", 8})}), "array('u', \"a'\")");
    const std::pair<Object, char> typecodes[] = {
        {Object::array<signed char>(std::vector<signed char>{1}), 'b'},
        {Object::array<unsigned char>(std::vector<unsigned char>{1}), 'B'},
        {Object::array<short>(std::vector<short>{1}), 'h'},
        {Object::array<unsigned short>(std::vector<unsigned short>{1}), 'H'},
        {Object::array<unsigned>(std::vector<unsigned>{1}), 'I'},
        {Object::array<long>(std::vector<long>{1}), 'l'},
        {Object::array<unsigned long>(std::vector<unsigned long>{1}), 'L'},
        {Object::array<long long>(std::vector<long long>{1}), 'q'},
    };
    for (const auto& [array, typecode] : typecodes)
        EXPECT_EQ(repr(array), fmt::format("array('{}', [1])", typecode));
    EXPECT_EQ(repr(Object::array<float>(std::vector{0.5f})), "array('f', [0.5])");
}

TEST(ObjectRepr, of_numpys_arrays_is_a_summary) {
    EXPECT_EQ(repr(Object::NdArray{"<f8", {2, 3}, Object::Bytes(48)}), "<ndarray float64 (2, 3)>");
    EXPECT_EQ(repr(Object::NdArray{"|b1", {1}, Object::Bytes(1)}), "<ndarray bool (1,)>");
    EXPECT_EQ(repr(Object::NdArray{">u2", {}, Object::Bytes(2)}), "<ndarray uint16 ()>");
    EXPECT_EQ(repr(Object::NdArray{"<c16", {0}}), "<ndarray complex128 (0,)>");
    EXPECT_EQ(repr(Object::NdArray{"|S5", {0}}), "<ndarray bytes40 (0,)>");
    EXPECT_EQ(repr(Object::NdArray{"<U3", {0}}), "<ndarray str96 (0,)>");
    EXPECT_EQ(repr(Object::NdArray{"<i4", {0}}), "<ndarray int32 (0,)>");
}

TEST(ObjectRepr, of_dates_and_times_is_pythons) {
    const TimeZone utc, there{TimeDelta(-1, 75600, 0), "it's"};
    EXPECT_EQ(repr(Date{2020, 1, 2}), "datetime.date(2020, 1, 2)");
    EXPECT_EQ(repr(Time{1, 2}), "datetime.time(1, 2)");
    EXPECT_EQ(repr(Time{1, 2, 3}), "datetime.time(1, 2, 3)");
    EXPECT_EQ(repr(Time{1, 2, 0, 4}), "datetime.time(1, 2, 0, 4)");
    EXPECT_EQ(repr(Time{1, 2, 0, 0, utc, 1}),
              "datetime.time(1, 2, tzinfo=datetime.timezone.utc, fold=1)");
    EXPECT_EQ(repr(DateTime{{2020, 1, 2}, {3, 4}}), "datetime.datetime(2020, 1, 2, 3, 4)");
    EXPECT_EQ(repr(DateTime{{2020, 1, 2}, {3, 4, 5, 6, there}}),
              "datetime.datetime(2020, 1, 2, 3, 4, 5, 6, tzinfo=datetime.timezone("
              "datetime.timedelta(days=-1, seconds=75600), \"it's\"))");
    EXPECT_EQ(repr(DateTime{{2020, 1, 2}, {3, 4, 0, 0, utc, 1}}),
              "datetime.datetime(2020, 1, 2, 3, 4, fold=1, tzinfo=datetime.timezone.utc)");
    EXPECT_EQ(repr(TimeDelta()), "datetime.timedelta(0)");
    EXPECT_EQ(repr(TimeDelta(1, 0, 5)), "datetime.timedelta(days=1, microseconds=5)");
    EXPECT_EQ(repr(TimeZone{TimeDelta(), "UTC"}), "datetime.timezone(datetime.timedelta(0), 'UTC')");
}

TEST(ObjectRepr, of_exceptions_is_pythons) {
    EXPECT_EQ(repr(Object::exception("ValueError", {"x"})), "ValueError('x')");
    EXPECT_EQ(repr(Object::exception("KeyError", {})), "KeyError()");
    EXPECT_EQ(repr(Object::exception("my.errors", "Outer.Failure", Object::tuple({1, 2}))),
              "Failure(1, 2)");
    // A file's name is no argument there.
    EXPECT_EQ(repr(Object::exception("FileNotFoundError", {2, "no such", "name"})),
              "FileNotFoundError(2, 'no such')");
    EXPECT_EQ(repr(Object::exception("ValueError", {1, 2, 3})), "ValueError(1, 2, 3)");
}

TEST(ObjectRepr, of_proxies_is_pythons) {
    const auto proxy = [](const char* name, const Object& token) {
        return Object::instance("multiprocessing.managers", "RebuildProxy",
                                Object::tuple({Object::global("multiprocessing.managers", name), token}),
                                {}, Object::Made::by_call);
    };
    const Object token = Object::instance("multiprocessing.managers", "Token", Object::tuple(),
                                          Object::tuple({"Queue", "/tmp/address", "7f00"}));
    EXPECT_EQ(repr(proxy("QueueProxy", token)), "<QueueProxy object, typeid 'Queue' at 0x7f00>");
    EXPECT_EQ(repr(proxy("AutoProxy", token)), "<AutoProxy[Queue] object, typeid 'Queue' at 0x7f00>");
    EXPECT_EQ(repr(proxy("AutoProxy", 5)),
              "RebuildProxy(<class 'multiprocessing.managers.AutoProxy'>, 5)");
}

TEST(ObjectRepr, of_instances_tells_what_they_are_made_of) {
    using Made = Object::Made;
    EXPECT_EQ(repr(Object::instance("decimal", "Decimal", Object::tuple({"1.5"}), {}, Made::by_call)),
              "Decimal('1.5')");
    EXPECT_EQ(repr(Object::instance("shapes", "Point")), "<shapes.Point>");
    EXPECT_EQ(repr(Object::instance("shapes", "Point", Object::tuple({1}), Object::dict({{"x", 2}}))),
              "<shapes.Point (1,) {'x': 2}>");
    EXPECT_EQ(repr(Object::global("shapes", "Point")), "<class 'shapes.Point'>");
    EXPECT_EQ(repr(Object::global("builtins", "ValueError")), "<class 'ValueError'>");
}

}  // namespace
