// SPDX-License-Identifier: Apache-2.0
#include "wire/object_order.hpp"

#include <gtest/gtest.h>
#include <procession/error.hpp>

#include <cmath>
#include <limits>

#include "support/thrown.hpp"

namespace procession {
namespace {

using detail::is_less;
using namespace procession::test;

Object power_of_two(std::size_t exponent) {
    Object::Bytes bytes(exponent / 8 + 2);
    bytes[exponent / 8] = static_cast<std::byte>(1 << exponent % 8);
    return Object::integer(bytes);
}
/// -2 to the power of that, which has only 1s above it.
Object negative_power_of_two(std::size_t exponent) {
    Object::Bytes bytes(exponent / 8 + 1, std::byte{0});
    bytes[exponent / 8] = static_cast<std::byte>(0xff << exponent % 8);
    return Object::integer(bytes);
}

/// Each is less than all behind it.
void expect_ascending(const std::vector<Object>& values) {
    for (std::size_t i = 0; i < values.size(); ++i)
        for (std::size_t k = 0; k < values.size(); ++k)
            EXPECT_EQ(is_less(values[i], values[k]), i < k) << values[i] << " < " << values[k];
}

TEST(ObjectOrder, is_exact_for_numbers_of_all_sizes) {
    constexpr double infinity = std::numeric_limits<double>::infinity();
    expect_ascending({-infinity,
                      negative_power_of_two(200),
                      negative_power_of_two(70),
                      -0x1p63,
                      -2,
                      -1.5,
                      -1,
                      false,
                      0.5,
                      1,
                      1.5,
                      0x1p53,
                      (std::int64_t{1} << 53) + 1,
                      std::numeric_limits<std::int64_t>::max(),
                      0x1p63,
                      std::uint64_t(-1),
                      0x1p64,
                      power_of_two(70),
                      power_of_two(71),
                      0x1p72,
                      power_of_two(200),
                      1e300,
                      infinity});
    const Object nan = std::nan("");
    for (const Object& each : {Object(1), power_of_two(70), nan, Object(infinity)}) {
        EXPECT_FALSE(is_less(nan, each));
        EXPECT_FALSE(is_less(each, nan));
    }
    EXPECT_FALSE(is_less(1, true));
    EXPECT_FALSE(is_less(power_of_two(70), 0x1p70));
    EXPECT_FALSE(is_less(0x1p70, power_of_two(70)));
}

TEST(ObjectOrder, is_that_of_characters_bytes_and_elements) {
    expect_ascending({"", "a", "ab", "b", "\u00e9", "\uffee", "\U0001f600"});
    expect_ascending({Object::Bytes(), Object::Bytes(1), Object::bytearray(Object::Bytes(2)),
                      Object::Bytes(1, std::byte{0x80})});
    expect_ascending({Object::list(), Object::list({1}), Object::list({1, "a"}), Object::list({1.5}),
                      Object::list({2, 0})});
    expect_ascending({Object::tuple({Object::tuple({1})}), Object::tuple({Object::tuple({1, 2})})});
    expect_ascending({Date{2020, 1, 2}, Date{2020, 1, 3}, Date{2021, 1, 1}});
}

TEST(ObjectOrder, is_there_only_where_python_has_one) {
    EXPECT_EQ(thrown<TypeMismatch>([] { is_less("a", 1); }),
              "'<' not supported between instances of 'str' and 'int'");
    EXPECT_THROW(is_less(Object(), Object()), TypeMismatch);
    EXPECT_THROW(is_less(Object::list({1}), Object::tuple({1})), TypeMismatch);
    EXPECT_THROW(is_less(Object::list({1, Object()}), Object::list({1, 2})), TypeMismatch);
    EXPECT_TRUE(is_less(Object::list({Object(), 1}), Object::list({Object(), 2})));  // equal ones
    EXPECT_THROW(is_less(Object::dict(), Object::dict()), TypeMismatch);
}

}  // namespace
}  // namespace procession
