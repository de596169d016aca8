// SPDX-License-Identifier: Apache-2.0
#include <procession/mp.hpp>
#include <procession/pickle.hpp>

#include <gtest/gtest.h>

#include <random>

#include "support/expect.hpp"

namespace procession {
namespace {

using namespace std::chrono_literals;

template <class T>
T read(const Object& object) {
    return pickle::loads<T>(pickle::dumps(object));
}

template <class E, class F>
std::string text_of(F call) {
    try {
        call();
    } catch (const E& error) {
        return error.what();
    } catch (const std::exception& error) {
        return std::string("of another type: ") + error.what();
    }
    return "no exception";
}

template <class T>
std::string mismatch(const Object& object) {
    return text_of<TypeMismatch>([&] { static_cast<void>(read<T>(object)); });
}
template <class T>
std::string misfit(const Object& object) {
    return text_of<ValueError>([&] { static_cast<void>(read<T>(object)); });
}
template <class T>
std::string refusal(const T& value) {
    return text_of<SerializationError>([&] { static_cast<void>(pickle::dumps(value)); });
}

struct Person {
    std::string name;
    int age;
    template <class A>
    void serialize(A& archive) {
        archive(CEREAL_NVP(name), CEREAL_NVP(age));
    }
};

TEST(TypedPickleErrors, another_type_is_named_with_the_place) {
    EXPECT_EQ(mismatch<int>("a"), "pickle: an int is wanted, a str is there");
    EXPECT_EQ(mismatch<std::vector<int>>(Object::list({1, nullptr})),
              "pickle: [1]: an int is wanted, None is there");
    EXPECT_EQ(mismatch<std::vector<Person>>(Object::list(
                  {Object::dict({{"name", "a"}, {"age", 1}}), Object::dict({{"name", 5}, {"age", 1}})})),
              "pickle: [1].name: a str is wanted, an int is there");
    EXPECT_EQ(
        (mismatch<std::map<std::string, std::set<int>>>(Object::dict({{"a", Object::set({1, "b"})}}))),
        "pickle: ['a'][1]: an int is wanted, a str is there");
    EXPECT_EQ((mismatch<std::map<int, int>>(Object::dict({{"a", 1}}))),
              "pickle: .keys(): an int is wanted, a str is there");
    EXPECT_EQ(mismatch<std::string>(Object::Bytes()), "pickle: a str is wanted, a bytes is there");
    EXPECT_EQ(mismatch<std::vector<int>>(5), "pickle: a list is wanted, an int is there");
    EXPECT_EQ((mismatch<std::tuple<int>>(5)), "pickle: a tuple is wanted, an int is there");
    EXPECT_EQ((mismatch<std::map<int, int>>(Object::list())),
              "pickle: a dict is wanted, a list is there");
    EXPECT_EQ(mismatch<std::set<int>>(Object::list()), "pickle: a set is wanted, a list is there");
    EXPECT_EQ(mismatch<std::monostate>(0), "pickle: None is wanted, an int is there");
    EXPECT_EQ(mismatch<std::vector<std::byte>>("a"), "pickle: bytes is wanted, a str is there");
}

TEST(TypedPickleErrors, nothing_is_guessed) {
    EXPECT_EQ(mismatch<int>(1.0), "pickle: an int is wanted, a float is there");
    EXPECT_EQ(mismatch<int>(true), "pickle: an int is wanted, a bool is there");
    EXPECT_EQ(mismatch<bool>(1), "pickle: a bool is wanted, an int is there");
    EXPECT_EQ(mismatch<double>(true), "pickle: a float is wanted, a bool is there");
    EXPECT_EQ(mismatch<char>("ab"), "pickle: a str of one character is wanted, a str is there");
    EXPECT_EQ(mismatch<std::vector<int>>(Object::array(std::span<const double>(std::array{0.5}))),
              "pickle: [0]: an int is wanted, a float is there");
    EXPECT_EQ(mismatch<std::vector<int>>(Object::NdArray{"|i1", {1, 1}, {std::byte{1}}}),
              "pickle: an ndarray of one dimension is wanted, an ndarray is there");
    EXPECT_EQ(mismatch<std::chrono::system_clock::time_point>(DateTime{}),
              "pickle: a datetime with its timezone, as datetime.now(timezone.utc) has it, is wanted, a "
              "datetime is there");
}

TEST(TypedPickleErrors, a_number_fits) {
    EXPECT_EQ(misfit<std::vector<unsigned char>>(Object::list({1, 300})),
              "pickle: [1]: 300 does not fit into unsigned char");
    EXPECT_EQ(misfit<unsigned>(-1), "pickle: -1 does not fit into unsigned int");
    EXPECT_EQ(misfit<std::uint64_t>(-1), "pickle: -1 does not fit into long unsigned int");
    EXPECT_EQ(misfit<std::int64_t>(std::uint64_t{1} << 63),
              "pickle: 9223372036854775808 does not fit into long int");
    EXPECT_EQ(misfit<float>(1e300), "pickle: 1e+300 does not fit into float");
    EXPECT_EQ(misfit<char>("\u0100"), "pickle: '\u0100' does not fit into char");
    EXPECT_EQ(misfit<std::bitset<2>>("012"), "pickle: '012' does not fit into std::bitset<2>");
    const std::vector<int> numbers{1, 256};
    EXPECT_EQ(misfit<std::vector<unsigned char>>(Object::array(std::span(numbers))),
              "pickle: [1]: 256 does not fit into unsigned char");
    Object::Bytes huge(200);
    huge.back() = std::byte{1};
    EXPECT_NE(misfit<double>(Object::integer(huge)).find("does not fit into double"), std::string::npos);
    EXPECT_NE(
        misfit<std::chrono::seconds>(TimeDelta(1500ms))
            .find("datetime.timedelta(seconds=1, microseconds=500000) does not fit into std::chrono"),
        std::string::npos);
    EXPECT_NE(misfit<std::chrono::nanoseconds>(TimeDelta(999'999'999, 0, 0)).find("does not fit"),
              std::string::npos);
}

TEST(TypedPickleErrors, there_are_as_many_elements_as_the_type_says) {
    EXPECT_EQ((mismatch<std::pair<int, int>>(Object::tuple({1}))),
              "pickle: 2 elements are wanted, 1 are there");
    EXPECT_EQ((mismatch<std::array<int, 2>>(Object::list({1, 2, 3}))),
              "pickle: 2 elements are wanted, 3 are there");
    EXPECT_EQ((mismatch<std::array<std::byte, 2>>(Object::Bytes())),
              "pickle: 2 elements are wanted, 0 are there");
}

TEST(TypedPickleErrors, a_dict_has_just_the_fields) {
    EXPECT_EQ(mismatch<Person>(Object::dict({{"name", "a"}})),
              "pickle: a key 'age' is wanted, there is none");
    EXPECT_EQ(mismatch<Person>(Object::dict({{"name", "a"}, {"age", 1}, {"size", 2}})),
              "pickle: the dict has a key 'size' that is no field");
    EXPECT_EQ(mismatch<Person>(Object::tuple({"a"})),
              "pickle: more than 1 elements are wanted, 1 are there");
    EXPECT_EQ(mismatch<Person>(Object::tuple({"a", 1, 2})),
              "pickle: 2 elements are wanted, 3 are there");
    EXPECT_EQ(mismatch<Person>("a"), "pickle: a tuple or dict of fields is wanted, a str is there");
}

TEST(TypedPickleErrors, none_of_the_alternatives_fits) {
    EXPECT_EQ((mismatch<std::variant<int, std::string>>(1.5)),
              "pickle: int or std::string is wanted, a float is there");
    EXPECT_EQ((mismatch<std::vector<std::variant<signed char, bool>>>(Object::list({1000}))),
              "pickle: [0]: signed char or bool is wanted, an int is there");
}

TEST(TypedPickleErrors, what_python_has_no_value_for_is_refused) {
    EXPECT_EQ(refusal(std::vector<std::string>{"a", "\xff"}),
              "pickle: [1]: a str is text in UTF-8, which this is not. Send a std::vector<std::byte>.");
    EXPECT_EQ(refusal(std::u16string(1, 0xd800)), "pickle: U+D800 is no character");
    EXPECT_EQ(
        refusal(std::set<std::map<int, int>>{{}}),
        "pickle: [0]: Python cannot hash what is a set's element or a dict's key here: it has a dict in "
        "it. Use a type that becomes a tuple.");
    EXPECT_EQ(refusal(std::map<std::variant<int, double>, int>{{1, 1}, {1.0, 2}}),
              "pickle: .keys(): this is equal to another key in Python: 1.0");
    EXPECT_EQ(refusal(std::set<std::variant<int, double>>{1, 1.0}),
              "pickle: [1]: this is equal to another element in Python: 1.0");
    EXPECT_NE(refusal(std::chrono::hours::max()).find("longer than any timedelta"), std::string::npos);
    EXPECT_NE(refusal(std::chrono::sys_days::max()).find("outside the years 1 to 9999"),
              std::string::npos);
    EXPECT_NE(refusal(std::numeric_limits<long double>::max()).find("does not fit"), std::string::npos);
}

TEST(TypedPickleErrors, handles_do_not_leave_the_program) {
    EXPECT_EQ(
        refusal(Lock()),
        "pickle: procession::Lock cannot leave the program, nor come from outside. Send it through a "
        "Pipe or Queue.");
    EXPECT_EQ(
        refusal(std::pair(1, std::vector(1, Queue<int>()))),
        "pickle: [1][0]: procession::Queue<int> cannot leave the program, nor come from outside. Send "
        "it through a Pipe or Queue.");
    EXPECT_NE(text_of<SerializationError>([] {
                  static_cast<void>(read<Event>(1));
              }).find("cannot leave the program"),
              std::string::npos);
    EXPECT_NE(text_of<SerializationError>([] {
                  static_cast<void>(read<std::vector<Queue<int>>>(Object::list({1})));
              }).find("[0]: procession::Queue<int> cannot leave"),
              std::string::npos);
    EXPECT_EQ((std::get<int>(read<std::variant<Queue<int>, int>>(1))), 1);
}

TEST(TypedPickleErrors, what_only_the_native_archives_know_is_refused) {
    EXPECT_EQ(
        refusal(Function<int(int)>([](int x) { return x; })),
        "pickle: [0]: procession::Function<int(int)> has no value in Python: only mp::NativeWriter and "
        "NativeReader can archive it. Make its serialize, or save and load, templates.");
}

struct Plain {
    std::vector<Person> people;
    std::map<std::string, std::variant<int, double, std::vector<double>>> values;
    std::optional<std::set<std::pair<int, std::string>>> pairs;
    std::unique_ptr<Object> other;
};

// Whatever the bytes are: a value, or an error of the library.
TEST(TypedPickleErrors, damaged_pickles_are_survived) {
    const Plain plain{{{"a", 1}, {"b", 2}},
                      {{"i", 1}, {"d", 0.5}, {"v", std::vector<double>{1, 2}}},
                      {{{1, "x"}}},
                      std::make_unique<Object>(Object::array(std::span<const int>(std::array{1, 2})))};
    const std::vector<std::byte> whole = pickle::dumps(plain);
    std::mt19937 random(20080715);
    int refused = 0;
    constexpr int rounds = 20'000;
    for (int i = 0; i < rounds; ++i) {
        std::vector<std::byte> bytes = whole;
        for (int flips = 0; flips < 2; ++flips)
            bytes[random() % bytes.size()] = static_cast<std::byte>(random());
        try {
            static_cast<void>(pickle::loads<Plain>(bytes));
        } catch (const Error&) {
            ++refused;
        }
    }
    EXPECT_GT(refused, 0);
    EXPECT_LT(refused, rounds) << "some only hold other texts and numbers";
}

struct Node {
    std::shared_ptr<Node> next;
};

TEST(TypedPickleErrors, what_contains_itself_is_too_deep) {
    const auto node = std::make_shared<Node>();
    node->next = node;
    EXPECT_EQ(
        refusal(node),
        "pickle: the value is nested deeper than 1000, or contains itself. A pickle's is at most so "
        "deep; send indices in place of pointers.");
    node->next.reset();
}

TEST(TypedPickleErrors, the_deepest_value_goes_both_ways) {
    std::shared_ptr<Node> chain;
    for (std::size_t i = 0; i < Object::max_depth; ++i) chain = std::make_shared<Node>(Node{chain});
    auto back = pickle::loads<std::shared_ptr<Node>>(pickle::dumps(chain));
    std::size_t length = 0;
    for (; back; back = back->next) ++length;
    EXPECT_EQ(length, Object::max_depth);
}

}  // namespace
}  // namespace procession
