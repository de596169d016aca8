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
    const Object values[] = {nullptr, true, 1, 1.5, "text", bytes({1})};
    const char* const names[] = {"NoneType", "bool", "int", "float", "str", "bytes"};
    for (std::size_t i = 0; i < std::size(values); ++i) {
        const Object& each = values[i];
        EXPECT_EQ(each.type(), names[i]);
        const std::vector<bool> is = {each.is_none(),  each.is_bool(), each.is_int(),
                                      each.is_float(), each.is_str(),  each.is_bytes()};
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
}

TEST(Object, holds_every_int_of_64_bits_and_no_larger_one) {
    constexpr auto least = std::numeric_limits<std::int64_t>::min();
    constexpr auto most = std::numeric_limits<std::int64_t>::max();
    EXPECT_EQ(Object(least).as<std::int64_t>(), least);
    EXPECT_EQ(Object(std::uint64_t{most}).as<std::int64_t>(), most);
    EXPECT_THROW(Object(std::uint64_t{most} + 1), mp::ValueError);
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

TEST(Object, can_be_sent) {
    mp::Queue<std::vector<Object>> queue;
    const std::vector<Object> sent = {nullptr, true, 7, 1.5, "text", bytes({0, 255})};
    queue.put(sent);
    const std::vector<Object> received = queue.get();
    EXPECT_EQ(received, sent);
    for (std::size_t i = 0; i < sent.size(); ++i) EXPECT_EQ(received[i].type(), sent[i].type());
}

}  // namespace
