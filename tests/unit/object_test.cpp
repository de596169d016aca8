// SPDX-License-Identifier: Apache-2.0
#include <procession/object.hpp>

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <array>
#include <cmath>
#include <limits>
#include <sstream>

#include "support/expect.hpp"
#include "wire/printable.hpp"
#include "wire/utf8.hpp"

namespace {

using procession::Object;
using Bytes = Object::Bytes;

std::string repr(const Object& object) { return object.to_string(); }

Bytes bytes(std::initializer_list<int> values) {
    Bytes result;
    for (const int each : values) result.push_back(static_cast<std::byte>(each));
    return result;
}

TEST(Object, is_made_of_the_value_that_it_holds) {
    EXPECT_TRUE(Object().is_none());
    EXPECT_TRUE(Object(nullptr).is_none());
    EXPECT_TRUE(Object(std::monostate{}).is_none());
    EXPECT_TRUE(Object(true).is_bool());
    EXPECT_TRUE(Object(1).is_int());
    EXPECT_TRUE(Object(std::uint8_t{1}).is_int());
    EXPECT_TRUE(Object(1.5).is_float());
    EXPECT_TRUE(Object(1.5f).is_float());
    EXPECT_TRUE(Object("text").is_str());
    EXPECT_TRUE(Object(std::string("text")).is_str());
    EXPECT_TRUE(Object(std::string_view("text")).is_str());
    EXPECT_TRUE(Object(bytes({1})).is_bytes());
    const std::array<std::byte, 2> array{};
    EXPECT_TRUE(Object(std::span<const std::byte>(array)).is_bytes());
}

TEST(Object, has_one_type_only) {
    using Kind = Object::Kind;
    const Object values[] = {nullptr,
                             true,
                             1,
                             1.5,
                             Object::Complex{1, 2},
                             "text",
                             bytes({1}),
                             Object::bytearray(),
                             Object::list(),
                             Object::tuple(),
                             Object::dict(),
                             Object::set(),
                             Object::frozenset(),
                             Object::Array{},
                             Object::NdArray{"<f8", {0}},
                             procession::Date{},
                             procession::Time{},
                             procession::DateTime{},
                             procession::TimeDelta{},
                             procession::TimeZone{},
                             Object::exception("ValueError", {}),
                             Object::instance("shapes", "Outer.Point"),
                             Object::global("shapes", "Point")};
    const char* const names[] = {"NoneType",  "bool",      "int",        "float", "complex", "str",
                                 "bytes",     "bytearray", "list",       "tuple", "dict",    "set",
                                 "frozenset", "array",     "ndarray",    "date",  "time",    "datetime",
                                 "timedelta", "timezone",  "ValueError", "Point", "type"};
    static_assert(std::size(values) == static_cast<std::size_t>(Kind::global) + 1);
    for (std::size_t i = 0; i < std::size(values); ++i) {
        const Object& each = values[i];
        EXPECT_EQ(each.type(), names[i]);
        EXPECT_EQ(static_cast<std::size_t>(each.kind()), i);
        const std::vector<bool> is = {
            each.is_none(),      each.is_bool(),     each.is_int(),       each.is_float(),
            each.is_complex(),   each.is_str(),      each.is_bytes(),     each.is_bytearray(),
            each.is_list(),      each.is_tuple(),    each.is_dict(),      each.is_set(),
            each.is_frozenset(), each.is_array(),    each.is_ndarray(),   each.is_date(),
            each.is_time(),      each.is_datetime(), each.is_timedelta(), each.is_timezone(),
            each.is_exception(), each.is_instance(), each.is_global()};
        for (std::size_t j = 0; j < is.size(); ++j) EXPECT_EQ(is[j], i == j) << names[i];
    }
}

TEST(Object, gives_back_its_value) {
    EXPECT_EQ(Object(true).as<bool>(), true);
    EXPECT_EQ(Object(-7).as<int>(), -7);
    EXPECT_EQ(Object(200).as<std::uint8_t>(), 200);
    EXPECT_EQ(Object(1.5).as<double>(), 1.5);
    EXPECT_EQ(Object(1.5).as<float>(), 1.5f);
    EXPECT_EQ(Object("text").as<std::string>(), "text");
    EXPECT_EQ(Object(bytes({1, 2})).as<Bytes>(), bytes({1, 2}));
    EXPECT_EQ(Object().as<std::monostate>(), std::monostate());
    EXPECT_EQ(Object(Object::Complex{1, 2}).as<Object::Complex>().imag, 2);
    EXPECT_EQ(Object::bytearray(bytes({1})).as<Bytes>(), bytes({1}));
    const procession::DateTime moment{{2020, 1, 2}, {3, 4, 5, 6, procession::TimeZone{}, 1}};
    EXPECT_EQ(Object(moment).as<procession::DateTime>(), moment);
    EXPECT_EQ(Object(moment.date).as<procession::Date>(), moment.date);
    EXPECT_EQ(Object(moment.time).as<procession::Time>(), moment.time);
    const procession::TimeZone zone{procession::TimeDelta(0, 60, 0), "there"};
    EXPECT_EQ(Object(zone).as<procession::TimeZone>().name, "there");
    EXPECT_EQ(Object(zone.offset).as<procession::TimeDelta>(), zone.offset);
    EXPECT_EQ(Object::array<int>(std::vector{1, 2}).as<Object::Array>().typecode, 'i');
    EXPECT_EQ(Object(Object::NdArray{"|i1", {2}, Bytes(2)}).as<Object::NdArray>().shape,
              std::vector<std::size_t>{2});
}

TEST(Object, shows_its_text_and_bytes_where_they_lie) {
    const Object text("text"), some = bytes({1, 2}), array = Object::array<short>(std::vector<short>{1});
    EXPECT_EQ(text.text(), "text");
    EXPECT_EQ(some.raw().size(), 2u);
    EXPECT_EQ(array.raw().size(), 2u);
    EXPECT_THROW(static_cast<void>(some.text()), mp::TypeMismatch);
    EXPECT_THROW(static_cast<void>(text.raw()), mp::TypeMismatch);
}

TEST(Object, holds_every_int_of_64_bits) {
    constexpr auto least = std::numeric_limits<std::int64_t>::min();
    constexpr auto most = std::numeric_limits<std::int64_t>::max();
    constexpr auto most_unsigned = std::numeric_limits<std::uint64_t>::max();
    EXPECT_EQ(Object(least).as<std::int64_t>(), least);
    EXPECT_EQ(Object(std::uint64_t{most}).as<std::int64_t>(), most);
    EXPECT_EQ(Object(std::uint64_t{most} + 1).as<std::uint64_t>(), std::uint64_t{most} + 1);
    EXPECT_EQ(Object(most_unsigned).as<std::uint64_t>(), most_unsigned);
    EXPECT_TRUE(Object(most_unsigned).is_int());
    EXPECT_THROW(static_cast<void>(Object(most_unsigned).as<std::int64_t>()), mp::ValueError);
    EXPECT_THROW(static_cast<void>(Object(-1).as<std::uint64_t>()), mp::ValueError);
}

TEST(Object, holds_ints_of_any_size_as_their_bytes) {
    EXPECT_EQ(Object::integer({}), 0);
    EXPECT_EQ(Object::integer(bytes({0xff, 0xff, 0xff})), -1);
    EXPECT_EQ(Object::integer(bytes({0, 1})), 256);
    const Object large = Object::integer(bytes({0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}));
    EXPECT_EQ(repr(large), "18446744073709551616");
    EXPECT_EQ(large.integer_bytes(), bytes({0, 0, 0, 0, 0, 0, 0, 0, 1}));
    EXPECT_EQ(repr(Object::integer(bytes({0, 0, 0, 0, 0, 0, 0, 0, 0x80}))), "-2361183241434822606848");
    EXPECT_EQ(Object(0).integer_bytes(), bytes({}));
    EXPECT_EQ(Object(-1).integer_bytes(), bytes({0xff}));
    EXPECT_EQ(Object(128).integer_bytes(), bytes({0x80, 0}));
    EXPECT_THROW(static_cast<void>(large.as<std::int64_t>()), mp::ValueError);
    EXPECT_THROW(static_cast<void>(large.as<std::uint64_t>()), mp::ValueError);
}

TEST(Object, prints_ints_that_are_too_long_for_python_hexadecimally) {
    Bytes huge(2000);
    huge.back() = std::byte{0x12};
    const std::string positive = repr(Object::integer(huge));
    EXPECT_EQ(positive, "0x12" + std::string(2 * 1999, '0'));
    huge.back() = std::byte{0xff};
    EXPECT_EQ(repr(Object::integer(huge)), "-0x1" + std::string(2 * 1999, '0'));
}

TEST(Object, that_does_not_fit_the_type_asked_for_says_so) {
    EXPECT_THROW(static_cast<void>(Object(256).as<std::uint8_t>()), mp::ValueError);
    EXPECT_THROW(static_cast<void>(Object(-1).as<unsigned>()), mp::ValueError);
    try {
        static_cast<void>(Object(1L << 40).as<int>());
        FAIL();
    } catch (const mp::ValueError& error) {
        procession::test::expect_parts(error.what(), {"1099511627776", "int"});
    }
}

TEST(Object, of_another_type_names_both) {
    try {
        static_cast<void>(Object("text").as<int>());
        FAIL();
    } catch (const mp::TypeMismatch& error) {
        procession::test::expect_parts(error.what(), {"as<int>", "str", "is_str()"});
    }
    EXPECT_THROW(static_cast<void>(Object(true).as<int>()), mp::TypeMismatch);
    EXPECT_THROW(static_cast<void>(Object(1).as<double>()), mp::TypeMismatch);
    EXPECT_THROW(static_cast<void>(Object().as<bool>()), mp::TypeMismatch);
}

TEST(Object, compares_as_in_python) {
    EXPECT_EQ(Object(1), Object(1.0));
    EXPECT_EQ(Object(1), Object(true));
    EXPECT_EQ(Object(1.0), Object(true));
    EXPECT_EQ(Object(0), Object(false));
    EXPECT_EQ(Object(-0.0), Object(0));
    EXPECT_EQ(Object(), Object(nullptr));
    EXPECT_NE(Object(), Object(false));
    EXPECT_NE(Object("1"), Object(1));
    EXPECT_NE(Object("a"), Object(bytes({'a'})));
    EXPECT_EQ(Object("a"), "a");
    const double nan = std::nan("");
    EXPECT_NE(Object(nan), Object(nan));
}

TEST(Object, compares_large_numbers_exactly) {
    constexpr std::int64_t odd = (std::int64_t{1} << 53) + 1;
    EXPECT_NE(Object(odd), Object(static_cast<double>(odd)));
    EXPECT_EQ(Object(odd - 1), Object(static_cast<double>(odd)));
    EXPECT_NE(Object(std::numeric_limits<std::int64_t>::max()), Object(0x1p63));
    EXPECT_EQ(Object(std::numeric_limits<std::int64_t>::min()), Object(-0x1p63));
    EXPECT_NE(Object(1), Object(std::numeric_limits<double>::infinity()));
    EXPECT_NE(Object(1), Object(1.5));
}

TEST(Object, prints_numbers_as_pythons_repr) {
    EXPECT_EQ(repr(nullptr), "None");
    EXPECT_EQ(repr(true), "True");
    EXPECT_EQ(repr(false), "False");
    EXPECT_EQ(repr(-42), "-42");
    EXPECT_EQ(repr(1.0), "1.0");
    EXPECT_EQ(repr(-0.0), "-0.0");
    EXPECT_EQ(repr(0.1), "0.1");
    EXPECT_EQ(repr(-273.154), "-273.154");
    EXPECT_EQ(repr(1e15), "1000000000000000.0");
    EXPECT_EQ(repr(1e16), "1e+16");
    EXPECT_EQ(repr(1.5e300), "1.5e+300");
    EXPECT_EQ(repr(1e-4), "0.0001");
    EXPECT_EQ(repr(1e-5), "1e-05");
    EXPECT_EQ(repr(5e-324), "5e-324");
    EXPECT_EQ(repr(std::numeric_limits<double>::infinity()), "inf");
    EXPECT_EQ(repr(-std::numeric_limits<double>::infinity()), "-inf");
    EXPECT_EQ(repr(-std::nan("")), "nan");
}

TEST(Object, prints_text_as_pythons_repr) {
    EXPECT_EQ(repr("text"), "'text'");
    EXPECT_EQ(repr("it's"), "\"it's\"");
    EXPECT_EQ(repr("it's \"it\""), R"('it\'s "it"')");
    EXPECT_EQ(repr("\t\n\r\\"), R"('\t\n\r\\')");
    EXPECT_EQ(repr(std::string("\0\x1f\x7f", 3)), R"('\x00\x1f\x7f')");
    EXPECT_EQ(repr("\u00e9\u20ac\U0001f600"), "'\u00e9\u20ac\U0001f600'");
    EXPECT_EQ(repr("\u00a0\u00ad\u2028\ue000\U000e0001"), R"('\xa0\xad\u2028\ue000\U000e0001')");
}

TEST(Object, prints_bytes_as_pythons_repr) {
    EXPECT_EQ(repr(bytes({})), "b''");
    EXPECT_EQ(repr(bytes({0, 'a', 0xff, '\n'})), R"(b'\x00a\xff\n')");
    EXPECT_EQ(repr(bytes({'\''})), "b\"'\"");
    EXPECT_EQ(repr(bytes({'\'', '"'})), R"(b'\'"')");
}

TEST(Object, prints_alike_by_fmt_and_by_stream) {
    std::ostringstream out;
    out << Object("it's") << Object();
    EXPECT_EQ(out.str(), "\"it's\"None");
    EXPECT_EQ(fmt::format("{} {:>6}", Object(true), Object(1.5)), "True    1.5");
}

TEST(Object, is_no_text_unless_that_is_utf8) {
    // Cut off, not the shortest form, a surrogate, above the last one, a byte that begins nothing.
    for (const char* text : {"\xc3", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                             "\xf0\x80\x80\x80", "\x80", "\xff", "\xe2\x28\xa1", "a\xe2\x82"})
        EXPECT_THROW(Object{text}, mp::ValueError) << text;
    for (const char* text :
         {"", "\x7f", "\u0080", "\u07ff", "\u0800", "\uffff", "\U00010000", "\U0010ffff"})
        EXPECT_EQ(Object(text).as<std::string>(), text);
}

TEST(Object, is_no_array_of_other_elements) {
    EXPECT_THROW(Object(Object::Array{'x', {}}), mp::ValueError);
    EXPECT_THROW(Object(Object::Array{'i', Bytes(3)}), mp::ValueError);
    EXPECT_THROW(Object(Object::Array{'u', Bytes(4, std::byte{0xff})}), mp::ValueError);
    EXPECT_THROW(Object(Object::NdArray{"O", {0}}), mp::ValueError);
    EXPECT_THROW(Object(Object::NdArray{"<f3", {0}}), mp::ValueError);
    EXPECT_THROW(Object(Object::NdArray{"<f8", {2}, Bytes(8)}), mp::ValueError);
    EXPECT_EQ(Object(Object::NdArray{"<u1", {1}, Bytes(1)}),
              Object(Object::NdArray{"|u1", {1}, Bytes(1)}));
}

TEST(Object, is_no_day_or_time_that_there_is_not) {
    using namespace procession;
    EXPECT_THROW(Object(Date{2023, 2, 29}), ValueError);
    EXPECT_THROW(Object(Date{0, 1, 1}), ValueError);
    EXPECT_THROW(Object(Date{10000, 1, 1}), ValueError);
    EXPECT_THROW(Object(Time{24}), ValueError);
    EXPECT_THROW(Object(Time{.fold = 2}), ValueError);
    EXPECT_THROW(Object(DateTime{{2023, 13, 1}, {}}), ValueError);
    EXPECT_THROW(Object(TimeDelta(1000000000, 0, 0)), ValueError);
    EXPECT_THROW(Object(TimeDelta(0, 86400, 0)), ValueError);
    EXPECT_THROW(Object(TimeZone{TimeDelta(1, 0, 0)}), ValueError);
    EXPECT_THROW(Object(TimeZone{TimeDelta(-1, 0, 0)}), ValueError);
    EXPECT_NO_THROW(Object(TimeZone{TimeDelta(-1, 0, 1)}));
}

TEST(TimeDelta, counts_from_and_to_microseconds) {
    using namespace std::chrono_literals;
    const procession::TimeDelta before(-1us);
    EXPECT_EQ(before, procession::TimeDelta(-1, 86399, 999999));
    EXPECT_EQ(before.count(), -1us);
    EXPECT_EQ(procession::TimeDelta(25h + 1s + 2us), procession::TimeDelta(1, 3601, 2));
    EXPECT_EQ(procession::TimeDelta(1, 3601, 2).count(), 25h + 1s + 2us);
    EXPECT_THROW(static_cast<void>(procession::TimeDelta(999999999, 0, 0).count()), mp::ValueError);
}

TEST(Object, can_be_sent) {
    mp::Queue<std::vector<Object>> queue;
    const std::vector<Object> sent = {
        nullptr, true, 7, 1.5, "text", bytes({0, 255}),
        Object::dict({{"key", Object::list({1, Object::tuple()})}}),
        // Nobody needs to register what stays in the program.
        Object::instance("any", "Class", Object::tuple(), Object::dict({{"x", 1}})),
        Object::instance("any", "Class", Object::tuple({1}), {}, Object::Made::by_call),
        Object::exception("any", "Error", Object::tuple({"text"}))};
    queue.put(sent);
    const std::vector<Object> received = queue.get();
    EXPECT_EQ(received, sent);
    for (std::size_t i = 0; i < sent.size(); ++i) EXPECT_EQ(received[i].type(), sent[i].type());
}

}  // namespace
