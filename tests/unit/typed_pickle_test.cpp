// SPDX-License-Identifier: Apache-2.0
#include <procession/pickle.hpp>

#include <gtest/gtest.h>

#include <cmath>

namespace procession {
namespace {

using namespace std::chrono_literals;

template <class T>
T round_trip(const T& value) {
    return pickle::loads<T>(pickle::dumps(value));
}

/// Python's repr of what a value becomes.
template <class T>
std::string written(const T& value) {
    return pickle::loads(pickle::dumps(value)).to_string();
}

template <class T>
void expect_both_ways(const T& value, const std::string& repr) {
    EXPECT_EQ(written(value), repr);
    EXPECT_EQ(round_trip(value), value) << repr;
}

template <class T>
T read(const Object& object) {
    return pickle::loads<T>(pickle::dumps(object));
}

enum class Colour : short { red = 1, green = 700 };
enum class Letter : char { a = 'a' };
enum class Answer : bool { no, yes };

TEST(TypedPickle, numbers_are_ints_floats_and_bools) {
    expect_both_ways(42, "42");
    expect_both_ways(true, "True");
    expect_both_ways<signed char>(-128, "-128");
    expect_both_ways<unsigned char>(255, "255");
    expect_both_ways(std::numeric_limits<std::int64_t>::min(), "-9223372036854775808");
    expect_both_ways(std::numeric_limits<std::uint64_t>::max(), "18446744073709551615");
    expect_both_ways(1.5, "1.5");
    expect_both_ways(0.5f, "0.5");
    expect_both_ways(2.5L, "2.5");
    expect_both_ways(std::complex<double>(1, -2), "(1-2j)");
    expect_both_ways(std::complex<float>(0.5f, 0), "(0.5+0j)");
    EXPECT_TRUE(std::isinf(round_trip(std::numeric_limits<float>::infinity())));
    EXPECT_TRUE(std::isnan(round_trip(std::nan(""))));
}

TEST(TypedPickle, an_enumeration_is_the_int_or_bool_beneath) {
    expect_both_ways(Colour::green, "700");
    expect_both_ways(Letter::a, "97");
    expect_both_ways(Answer::yes, "True");
    expect_both_ways(std::byte{200}, "200");
    expect_both_ways(std::vector<Colour>{Colour::red, Colour::green}, "[1, 700]");
}

TEST(TypedPickle, texts_and_characters_are_strs) {
    expect_both_ways(std::string("caf\u00e9"), "'caf\u00e9'");
    expect_both_ways(std::string("a\0b", 3), "'a\\x00b'");
    EXPECT_EQ(written(std::u8string(u8"\u00e9")), "'\u00e9'");
    EXPECT_TRUE(round_trip(std::u8string(u8"\u00e9")) == u8"\u00e9");
    expect_both_ways(std::u16string(u"\u00e9\U0001f600"), "'\u00e9\U0001f600'");
    expect_both_ways(std::u32string(U"\U0001f600"), "'\U0001f600'");
    expect_both_ways(std::wstring(L"\u00e9\U0001f600"), "'\u00e9\U0001f600'");
    EXPECT_EQ(written("literal"), "'literal'");
    EXPECT_EQ(written(std::string_view("view")), "'view'");
    const char* const pointer = "pointer";
    EXPECT_EQ(written(pointer), "'pointer'");
    EXPECT_EQ(written(std::vector<std::string_view>{"a", "b"}), "['a', 'b']");
    expect_both_ways('x', "'x'");
    expect_both_ways('\xe9', "'\u00e9'");
    expect_both_ways(U'\U0001f600', "'\U0001f600'");
    expect_both_ways(std::bitset<4>(5), "'0101'");
}

TEST(TypedPickle, std_bytes_and_chars_in_a_row_are_bytes) {
    expect_both_ways(std::vector<std::byte>{std::byte{'a'}, std::byte{0}}, "b'a\\x00'");
    expect_both_ways(std::vector<std::byte>{}, "b''");
    expect_both_ways(std::vector<char>{'h', 'i'}, "b'hi'");
    expect_both_ways(std::array<std::byte, 2>{std::byte{1}, std::byte{2}}, "b'\\x01\\x02'");
    EXPECT_EQ(read<Object::Bytes>(Object::bytearray(Object::Bytes{std::byte{7}})),
              Object::Bytes{std::byte{7}});
}

TEST(TypedPickle, sequences_are_lists) {
    expect_both_ways(std::vector<int>{1, 2, 3}, "[1, 2, 3]");
    expect_both_ways(std::vector<bool>{true, false}, "[True, False]");
    expect_both_ways(std::vector<unsigned char>{1, 255}, "[1, 255]");
    expect_both_ways(std::vector<std::vector<std::string>>{{"a"}, {}}, "[['a'], []]");
    expect_both_ways(std::array<double, 2>{0.5, 1}, "[0.5, 1.0]");
    expect_both_ways(std::deque<int>{1, 2}, "[1, 2]");
    expect_both_ways(std::list<int>{1, 2}, "[1, 2]");
    expect_both_ways(std::forward_list<int>{1, 2, 3}, "[1, 2, 3]");
    expect_both_ways(std::multiset<int>{2, 1, 2}, "[1, 2, 2]");
    expect_both_ways(std::multimap<int, char>{{1, 'a'}, {1, 'b'}}, "[(1, 'a'), (1, 'b')]");
}

TEST(TypedPickle, tuples_are_tuples) {
    expect_both_ways(std::pair(1, std::string("a")), "(1, 'a')");
    expect_both_ways(std::tuple(1, std::string("b"), 2.5), "(1, 'b', 2.5)");
    expect_both_ways(std::tuple(), "()");
    EXPECT_EQ((read<std::pair<int, int>>(Object::list({1, 2}))), std::pair(1, 2));
}

TEST(TypedPickle, sets_and_maps_are_sets_and_dicts) {
    expect_both_ways(std::set<int>{3, 1}, "{1, 3}");
    expect_both_ways(std::unordered_set<std::string>{"a"}, "{'a'}");
    expect_both_ways(std::map<std::string, std::vector<int>>{{"a", {1}}, {"b", {}}},
                     "{'a': [1], 'b': []}");
    expect_both_ways(std::unordered_map<int, double>{{1, 0.5}}, "{1: 0.5}");
    EXPECT_EQ(read<std::set<int>>(Object::frozenset({1, 2})), (std::set<int>{1, 2}));
}

TEST(TypedPickle, what_python_cannot_hash_is_a_tuple_or_frozenset_as_a_key) {
    expect_both_ways(std::map<std::vector<int>, int>{{{1, 2}, 3}}, "{(1, 2): 3}");
    expect_both_ways(std::set<std::set<int>>{{1}, {2}}, "{frozenset({1}), frozenset({2})}");
    expect_both_ways(std::set<std::pair<int, std::vector<int>>>{{1, {2}}}, "{(1, (2,))}");
}

TEST(TypedPickle, what_may_be_absent_is_the_value_or_none) {
    expect_both_ways(std::optional<int>(5), "5");
    expect_both_ways(std::optional<int>(), "None");
    expect_both_ways(std::monostate(), "None");
    EXPECT_EQ(written(nullptr), "None");
    EXPECT_EQ(*round_trip(std::make_shared<int>(7)), 7);
    EXPECT_EQ(round_trip(std::shared_ptr<int>()), nullptr);
    EXPECT_EQ(*pickle::loads<std::unique_ptr<std::string>>(
                  pickle::dumps(std::make_unique<std::string>("own"))),
              "own");
    EXPECT_EQ(*read<std::shared_ptr<const int>>(3), 3);
    const auto shared = std::make_shared<int>(7);
    EXPECT_EQ(written(std::weak_ptr<int>(shared)), "7");
}

TEST(TypedPickle, a_variant_is_what_it_holds) {
    using Some = std::variant<std::monostate, int, double, std::string, std::vector<int>>;
    expect_both_ways(Some(), "None");
    expect_both_ways(Some(1), "1");
    expect_both_ways(Some(1.0), "1.0");
    expect_both_ways(Some("a"), "'a'");
    expect_both_ways(Some(std::vector<int>{1}), "[1]");
}

TEST(TypedPickle, a_variant_is_read_as_the_first_alternative_that_fits_exactly) {
    using Number = std::variant<double, int>;
    EXPECT_EQ(read<Number>(1), Number(1));
    EXPECT_EQ(read<Number>(1.0), Number(1.0));
    using Small = std::variant<signed char, int, double>;
    EXPECT_EQ(read<Small>(100).index(), 0u);
    EXPECT_EQ(read<Small>(1000).index(), 1u);
    using Row = std::variant<std::tuple<int, int>, std::vector<int>>;
    EXPECT_EQ(read<Row>(Object::list({1, 2})).index(), 1u);
    EXPECT_EQ(read<Row>(Object::tuple({1, 2})).index(), 0u);
    EXPECT_EQ(read<Row>(Object::tuple({1, 2, 3})).index(), 1u);
}

TEST(TypedPickle, else_as_the_first_that_fits_at_all) {
    using Number = std::variant<std::string, double, float>;
    EXPECT_EQ(read<Number>(1), Number(1.0));
}

TEST(TypedPickle, durations_are_timedeltas_of_whole_microseconds) {
    expect_both_ways(1500ms, "datetime.timedelta(seconds=1, microseconds=500000)");
    expect_both_ways(-1us, "datetime.timedelta(days=-1, seconds=86399, microseconds=999999)");
    expect_both_ways(std::chrono::hours(25), "datetime.timedelta(days=1, seconds=3600)");
    expect_both_ways(std::chrono::duration<double>(0.25), "datetime.timedelta(microseconds=250000)");
    EXPECT_EQ(round_trip(1500ns), 2us) << "to the even one, as in Python";
    EXPECT_EQ(round_trip(2500ns), 2us);
    EXPECT_EQ(round_trip(-1501ns), -2us);
    expect_both_ways(std::chrono::years(-1), "datetime.timedelta(days=-366, seconds=65448)");
}

TEST(TypedPickle, times_of_the_system_clock_are_datetimes_in_utc) {
    using std::chrono::sys_days;
    using Microseconds = std::chrono::sys_time<std::chrono::microseconds>;
    const auto day = sys_days(std::chrono::year(2024) / 2 / 29);
    expect_both_ways(Microseconds(day + 13h + 5min + 7s + 9us),
                     "datetime.datetime(2024, 2, 29, 13, 5, 7, 9, tzinfo=datetime.timezone.utc)");
    expect_both_ways(sys_days(std::chrono::year(1) / 1 / 1),
                     "datetime.datetime(1, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)");
    expect_both_ways(Microseconds(sys_days(std::chrono::year(1969) / 12 / 31) + 23h),
                     "datetime.datetime(1969, 12, 31, 23, 0, tzinfo=datetime.timezone.utc)");
    const DateTime in_delhi{{2024, 3, 1}, {1, 30, 0, 0, TimeZone{TimeDelta(0, 5 * 3600 + 1800, 0)}}};
    EXPECT_EQ(read<Microseconds>(in_delhi), day + 20h);
    EXPECT_EQ(round_trip(std::chrono::steady_clock::time_point(3us)),
              std::chrono::steady_clock::time_point(3us));
}

TEST(TypedPickle, an_object_and_its_parts_are_themselves) {
    expect_both_ways(Object::list({1, "a"}), "[1, 'a']");
    expect_both_ways(std::vector<Object>{1, "a"}, "[1, 'a']");
    expect_both_ways(Date{2020, 1, 2}, "datetime.date(2020, 1, 2)");
    expect_both_ways(TimeDelta(1, 2, 3), "datetime.timedelta(days=1, seconds=2, microseconds=3)");
}

TEST(TypedPickle, numbers_are_written_as_an_array_by_object_array) {
    const std::vector<double> numbers{0.5, 1};
    EXPECT_EQ(written(std::pair(1, Object::array(std::span(numbers)))), "(1, array('d', [0.5, 1.0]))");
}

TEST(TypedPickle, sequences_are_read_from_lists_tuples_and_arrays) {
    const std::vector<int> numbers{1, 2, 3};
    const std::vector<short> shorts{1, 2, 3};
    const Object sources[] = {
        Object::list({1, 2, 3}),
        Object::tuple({1, 2, 3}),
        Object::array(std::span(numbers)),
        Object::array(std::span(shorts)),
        Object::NdArray{"|u1", {3}, {std::byte{1}, std::byte{2}, std::byte{3}}},
        Object::NdArray{
            ">i2",
            {3},
            {std::byte{}, std::byte{1}, std::byte{}, std::byte{2}, std::byte{}, std::byte{3}}},
    };
    for (const Object& each : sources) {
        EXPECT_EQ(read<std::vector<int>>(each), numbers) << each;
        EXPECT_EQ(read<std::vector<double>>(each), (std::vector<double>{1, 2, 3})) << each;
        EXPECT_EQ((read<std::array<int, 3>>(each)), (std::array<int, 3>{1, 2, 3})) << each;
        EXPECT_EQ(read<std::list<int>>(each), (std::list<int>{1, 2, 3})) << each;
    }
    const Object bytes = Object::Bytes{std::byte{1}, std::byte{255}};
    EXPECT_EQ(read<std::vector<unsigned char>>(bytes), (std::vector<unsigned char>{1, 255}));
    EXPECT_EQ(read<std::vector<double>>(Object::array(std::span<const double>{})),
              std::vector<double>());
}

TEST(TypedPickle, an_int_is_a_float_as_well) {
    EXPECT_EQ(read<double>(3), 3.0);
    EXPECT_EQ(read<double>(std::numeric_limits<std::uint64_t>::max()), std::ldexp(1.0, 64));
    EXPECT_EQ(read<double>(std::numeric_limits<std::int64_t>::min()), -std::ldexp(1.0, 63));
    Object::Bytes power(101);  // 2 ** 800
    power.back() = std::byte{1};
    EXPECT_EQ(read<double>(Object::integer(power)), std::ldexp(1.0, 800));
    power.front() = std::byte{1};
    EXPECT_EQ(read<double>(Object::integer(power)), std::ldexp(1.0, 800));
    EXPECT_EQ(read<std::complex<double>>(2), std::complex<double>(2));
}

TEST(TypedPickle, every_protocol_is_written) {
    const std::map<std::string, int> value{{"a", 1}};
    for (int protocol = 0; protocol <= pickle::highest_protocol; ++protocol)
        EXPECT_EQ((pickle::loads<std::map<std::string, int>>(pickle::dumps(value, protocol))), value);
}

}  // namespace
}  // namespace procession
