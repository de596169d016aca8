// SPDX-License-Identifier: Apache-2.0
#include <procession/serialize.hpp>

#include <gtest/gtest.h>

#include <random>

namespace procession {
namespace {

using namespace std::chrono_literals;

template <class T>
T round_trip(const T& value) {
    detail::Buffer buffer;
    NativeWriter writer(buffer);
    detail::save_value(writer, value);
    NativeReader reader(buffer.bytes());
    T back = detail::load_value<T>(reader);
    EXPECT_EQ(reader.left().size(), 0u);
    return back;
}

struct Inner {
    int number;
    std::string text;
    bool operator==(const Inner&) const = default;
};
struct Plain {
    Inner inner;
    std::vector<double> values;
    std::optional<int> maybe;
    bool operator==(const Plain&) const = default;
};
enum class Colour : short { red = 1, green = 700 };
struct Custom {
    int hidden = 0;
    template <class A>
    void serialize(A& archive) {
        archive(hidden);
    }
    bool operator==(const Custom&) const = default;
};

TEST(Serialize, gives_back_what_was_saved) {
    EXPECT_EQ(round_trip(42), 42);
    EXPECT_EQ(round_trip(-1.5), -1.5);
    EXPECT_EQ(round_trip(true), true);
    EXPECT_EQ(round_trip(Colour::green), Colour::green);
    EXPECT_EQ(round_trip(std::string(10'000, 'x')), std::string(10'000, 'x'));
    EXPECT_EQ(round_trip(std::vector<int>{1, 2, 3}), (std::vector<int>{1, 2, 3}));
    EXPECT_EQ(round_trip(std::vector<bool>{true, false}), (std::vector<bool>{true, false}));
    EXPECT_EQ(round_trip(std::vector<std::string>{"a", ""}), (std::vector<std::string>{"a", ""}));
    EXPECT_EQ(round_trip(std::map<std::string, int>{{"a", 1}}), (std::map<std::string, int>{{"a", 1}}));
    EXPECT_EQ(round_trip(std::tuple(1, std::string("b"), 2.5)), (std::tuple(1, std::string("b"), 2.5)));
    EXPECT_EQ(round_trip(std::pair(1, 2)), std::pair(1, 2));
    EXPECT_EQ(round_trip(std::array<int, 3>{1, 2, 3}), (std::array<int, 3>{1, 2, 3}));
    EXPECT_EQ(round_trip(std::variant<int, std::string>("b")), (std::variant<int, std::string>("b")));
    EXPECT_EQ(round_trip(std::optional<int>()), std::optional<int>());
    EXPECT_EQ(round_trip(1500ms), 1500ms);
    EXPECT_EQ(*round_trip(std::make_shared<int>(7)), 7);
    EXPECT_EQ(round_trip(Custom{9}), Custom{9});
}

TEST(Serialize, takes_plain_aggregates_without_any_code) {
    const Plain plain{{3, "three"}, {1.0, 2.0}, 5};
    EXPECT_EQ(round_trip(plain), plain);
    EXPECT_EQ(round_trip(std::vector<Plain>(3, plain)), std::vector<Plain>(3, plain));
}

TEST(Serialize, knows_at_compile_time_what_cannot_be_sent) {
    static_assert(detail::Sendable<Plain>);
    static_assert(!detail::Sendable<int*>);
    static_assert(!detail::Sendable<std::mutex>);
    static_assert(!detail::Sendable<std::reference_wrapper<int>>);
    static_assert(std::is_same_v<detail::Stored<const char(&)[4]>, std::string>);
    static_assert(std::is_same_v<detail::Stored<std::string_view>, std::string>);
    static_assert(detail::fingerprint<int>() != detail::fingerprint<unsigned>());
    EXPECT_EQ(detail::type_name<std::string>(), "std::string");
}

// Whatever the bytes are: a value or a SerializationError, within the message's bounds.
TEST(Serialize, survives_damaged_messages) {
    const std::vector<Plain> original(4, Plain{{3, "three"}, {1.0, 2.0}, 5});
    detail::Buffer buffer;
    NativeWriter writer(buffer);
    detail::save_value(writer, original);
    std::mt19937 random(20080715);
    int refused = 0;
    const auto try_load = [&](std::span<const std::byte> bytes) {
        try {
            NativeReader reader(bytes);
            detail::load_value<std::vector<Plain>>(reader);
        } catch (const SerializationError&) {
            ++refused;
        }
    };
    for (std::size_t size = 0; size < buffer.bytes().size(); ++size)
        try_load(buffer.bytes().first(size));
    EXPECT_EQ(refused, static_cast<int>(buffer.bytes().size())) << "every prefix is too short";
    for (int i = 0; i < 20'000; ++i) {
        std::vector<std::byte> bytes(buffer.bytes().begin(), buffer.bytes().end());
        for (int flips = 0; flips < 3; ++flips)
            bytes[random() % bytes.size()] = static_cast<std::byte>(random());
        try_load(bytes);
    }
}

TEST(Serialize, says_what_is_wrong_with_a_short_message) {
    NativeReader reader({});
    try {
        detail::load_value<int>(reader);
        FAIL();
    } catch (const SerializationError& error) {
        EXPECT_EQ(error.code(), make_error_code(Errc::not_serializable));
        EXPECT_NE(std::string(error.what()).find("4 bytes wanted, 0 left"), std::string::npos);
    }
}

}  // namespace
}  // namespace procession
