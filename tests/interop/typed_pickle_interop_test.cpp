// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <procession/detail/python_exceptions.hpp>
#include <procession/pickle.hpp>

#include <charconv>
#include <sstream>

#include "support/python.hpp"

namespace procession {
namespace {

using namespace procession::test;
using namespace std::chrono_literals;
using Bytes = std::vector<std::byte>;

std::string hexadecimal(const Bytes& bytes) {
    std::string text;
    for (const std::byte byte : bytes) text += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
    return text;
}

Bytes bytes_of(std::string_view text) {
    Bytes bytes;
    for (; text.size() >= 2; text.remove_prefix(2)) {
        unsigned char byte = 0;
        std::from_chars(text.data(), text.data() + 2, byte, 16);
        bytes.push_back(std::byte{byte});
    }
    return bytes;
}

class TypedPicklesWithPython : public testing::Test {
  protected:
    void SetUp() override {
        pythons_ = pythons(7);  // dataclasses are there from 3.7 on
        if (pythons_.empty()) GTEST_SKIP() << "there is no python3 of 3.7 or later in the PATH";
    }
    /// Has each Python check the value with that function, by every protocol, and `look` at its answers.
    template <class T, class F>
    void exchange(const std::string& function, const T& value, F look, int least_protocol = 0) const {
        for (const Python& python : pythons_) {
            for (int protocol = least_protocol; protocol <= pickle::default_protocol; ++protocol) {
                const std::string sent = hexadecimal(pickle::dumps(value, protocol));
                const Ended ended =
                    run_program({"/usr/bin/env", python.path, TYPED_PICKLE_PROGRAM, function, sent},
                                {"PYTHONIOENCODING=utf-8", "PYTHONDONTWRITEBYTECODE=1"});
                ASSERT_EQ(ended.code, 0) << python.path << ": " << ended.output;
                std::istringstream lines(ended.output);
                int answers = 0;
                for (std::string line; std::getline(lines, line); ++answers) look(bytes_of(line));
                EXPECT_GT(answers, 0) << python.path;
            }
        }
    }
    std::vector<Python> pythons_;
};

enum class Colour : short { green = 700 };
struct Inner {
    int number;
    std::string text;
    bool operator==(const Inner&) const = default;
};
struct Plain {
    Inner inner;
    std::vector<double> values;
    bool operator==(const Plain&) const = default;
};
struct Named {
    int a = 0;
    std::string b;
    template <class A>
    void serialize(A& archive) {
        archive(CEREAL_NVP(a), cereal::make_nvp("text", b));
    }
    bool operator==(const Named&) const = default;
};

TEST_F(TypedPicklesWithPython, values_are_the_natural_ones_and_come_back) {
    using Microseconds = std::chrono::sys_time<std::chrono::microseconds>;
    using Some = std::variant<std::monostate, int, std::string>;
    const auto day = std::chrono::sys_days(std::chrono::year(2024) / 2 / 29);
    const std::tuple values(
        true, -5, std::numeric_limits<std::uint64_t>::max(), 0.5, std::complex<double>(1, -2),
        Colour::green, std::string("caf\u00e9 \U0001f600"), 'x',
        Bytes{std::byte{'a'}, std::byte{0}, std::byte{255}}, std::bitset<4>(5),
        std::vector<int>{1, 2, 3}, std::vector<bool>{true, false}, std::array<double, 2>{0.5, 1},
        std::list<std::vector<std::string>>{{"a"}, {}}, std::tuple(1, std::string("a"), std::pair(2, 3)),
        std::set<int>{1, 2}, std::map<std::string, std::vector<int>>{{"a", {1}}, {"b", {}}},
        std::map<std::pair<int, int>, std::set<int>>{{{1, 2}, {3}}}, std::optional<int>(),
        std::optional<int>(5), std::monostate(), Some("held"), std::vector<Some>{{}, 1, "text"},
        std::chrono::milliseconds(-1500), Microseconds(day + 13h + 5min + 7s + 9us),
        Plain{{1, "inner"}, {1.0}}, Named{1, "x"});
    exchange("values", values, [&](const Bytes& answer) {
        EXPECT_TRUE(pickle::loads<std::remove_const_t<decltype(values)>>(answer) == values)
            << pickle::loads(answer);
    });
}

struct Point {
    int x, y;
    bool operator==(const Point&) const = default;
};
template <int Kind>
struct Sized {
    std::string name;
    int size = 0;
    template <class A>
    void serialize(A& archive) {
        archive(CEREAL_NVP(name), CEREAL_NVP(size));
    }
    bool operator==(const Sized&) const = default;
};
using Slotted = Sized<0>;
using Record = Sized<1>;
using RecordInner = Sized<2>;
using Pair = Sized<3>;

TEST_F(TypedPicklesWithPython, registered_classes_are_instances_and_come_back) {
    pickle::register_class<Point>("typed_pickle", "Point", {"x", "y"});
    pickle::register_class<Slotted>("typed_pickle", "Slotted");
    pickle::register_class<Record>("typed_pickle", "Record");
    pickle::register_class<Pair>("typed_pickle", "Pair");
    const std::vector<Point> points{{1, 2}, {-1, 0}};
    exchange("classes", points, [&](const Bytes& answer) {
        using Answer = std::tuple<std::vector<Point>, Slotted, Record, Pair>;
        EXPECT_EQ(pickle::loads<Answer>(answer),
                  Answer(points, {"slotted", 1}, {"record", 2}, {"pair", 4}));
    });
}

TEST_F(TypedPicklesWithPython, a_class_in_a_class_is_registered_by_its_qualified_name) {
    pickle::register_class<RecordInner>("typed_pickle", "Record.Inner");
    const auto look = [](const Bytes& answer) {
        EXPECT_EQ(pickle::loads<RecordInner>(answer), (RecordInner{"back", 2}));
    };
    // Those before 4 have no names with dots.
    exchange("nested", RecordInner{"there", 1}, look, 4);
}

struct Shape {
    virtual ~Shape() = default;
    virtual double area() const = 0;
};
struct Square : Shape {
    double side = 0;
    double area() const override { return side * side; }
    template <class A>
    void serialize(A& archive) {
        archive(CEREAL_NVP(side));
    }
};

TEST_F(TypedPicklesWithPython, pointers_to_bases_are_instances_of_what_is_behind_them) {
    pickle::register_class<Square>("typed_pickle", "Square");
    std::vector<std::shared_ptr<Shape>> shapes(2);
    const auto square = std::make_shared<Square>();
    square->side = 2;
    shapes[0] = square;
    exchange("shapes", shapes, [&](const Bytes& answer) {
        const auto back = pickle::loads<std::vector<std::unique_ptr<Shape>>>(answer);
        ASSERT_EQ(back.size(), 2u);
        EXPECT_EQ(back[0], nullptr);
        EXPECT_EQ(back[1]->area(), 9);
    });
}

TEST_F(TypedPicklesWithPython, what_python_has_beside_is_read_as_well) {
    const auto look = [](const Bytes& answer) {
        const Object all = pickle::loads(answer);
        const auto at = [&]<class T>(std::type_identity<T>, int index) {
            return detail::from_object<T>(all[index]);
        };
        EXPECT_EQ(at(std::type_identity<std::vector<int>>(), 0), (std::vector<int>{1, 2, 3}));
        EXPECT_EQ(at(std::type_identity<std::vector<double>>(), 1), std::vector<double>{0.5});
        EXPECT_EQ(at(std::type_identity<std::vector<unsigned char>>(), 2),
                  std::vector<unsigned char>{255});
        EXPECT_EQ(at(std::type_identity<std::vector<int>>(), 3), (std::vector<int>{1, 2}));
        EXPECT_EQ(at(std::type_identity<double>(), 4), 3.0);
        EXPECT_EQ(at(std::type_identity<Bytes>(), 5).size(), 5u);
        EXPECT_EQ(at(std::type_identity<std::set<int>>(), 6), (std::set<int>{1, 2}));
        EXPECT_EQ((at(std::type_identity<std::map<std::string, int>>(), 7)),
                  (std::map<std::string, int>{{"a", 2}, {"b", 1}}));
        EXPECT_EQ(at(std::type_identity<std::chrono::sys_seconds>(), 8),
                  std::chrono::sys_days(std::chrono::year(2023) / 12 / 31) + 23h + 30min);
        if (all.size() == 9) return;  // there is no numpy
        EXPECT_EQ(at(std::type_identity<std::vector<int>>(), 9), (std::vector<int>{0, 1, 2}));
        EXPECT_EQ(at(std::type_identity<std::vector<long>>(), 10), (std::vector<long>{1, 2, 3}));
        EXPECT_EQ(at(std::type_identity<std::vector<double>>(), 11), (std::vector<double>{0.5, 1}));
        EXPECT_EQ(at(std::type_identity<double>(), 12), 1.5);
        EXPECT_EQ(at(std::type_identity<int>(), 13), 7);
    };
    exchange("pythons_own", 0, look);
}

template <class E>
Object sent(const E& error) {
    return detail::to_object(std::make_exception_ptr(error));
}

template <class E>
void expect_thrown(const Object& object) {
    try {
        detail::throw_from(object);
    } catch (const std::exception& error) {
        EXPECT_EQ(typeid(error), typeid(E)) << object << ": " << error.what();
    }
}

TEST_F(TypedPicklesWithPython, exceptions_are_those_of_python_and_come_back) {
    pickle::register_global("typed_pickle", "Failure");
    const std::vector<Object> all{sent(std::out_of_range("text")),
                                  sent(IndexError("text")),
                                  sent(KeyError("text")),
                                  sent(std::invalid_argument("text")),
                                  sent(AttributeError("text")),
                                  sent(std::runtime_error("text")),
                                  sent(EndOfFile("text")),
                                  sent(TypeMismatch("text")),
                                  sent(std::bad_alloc()),
                                  sent(std::overflow_error("text")),
                                  sent(std::system_error(ENOENT, std::generic_category(), "open")),
                                  sent(Empty("text")),
                                  sent(Full("text")),
                                  sent(TimeoutError("text")),
                                  sent(AuthenticationError("text")),
                                  sent(BrokenBarrierError("text")),
                                  sent(SerializationError("text")),
                                  sent(WorkerDied("text", 7, -9, "task"))};
    exchange("exceptions", all, [](const Bytes& answer) {
        const Object got = pickle::loads(answer);
        expect_thrown<std::out_of_range>(got[0][0]);
        expect_thrown<IndexError>(got[0][1]);
        expect_thrown<std::invalid_argument>(got[0][3]);
        expect_thrown<std::system_error>(got[0][10]);
        expect_thrown<Empty>(got[0][11]);
        expect_thrown<TimeoutError>(got[0][13]);
        expect_thrown<WorkerDied>(got[0][17]);
        expect_thrown<IndexError>(got[1][0]);
        expect_thrown<KeyError>(got[1][1]);
        expect_thrown<ValueError>(got[1][2]);
        expect_thrown<std::system_error>(got[1][3]);
        expect_thrown<RemoteError>(got[1][4]);
        expect_thrown<Empty>(got[1][5]);
        expect_thrown<RemoteError>(got[2]);
    });
}

}  // namespace
}  // namespace procession
