// SPDX-License-Identifier: Apache-2.0
#include <procession/pickle.hpp>

#include <gtest/gtest.h>

#include "support/expect.hpp"

namespace procession {
namespace {

using test::expect_parts;

template <class T>
T round_trip(const T& value) {
    return pickle::loads<T>(pickle::dumps(value));
}
template <class T>
std::string written(const T& value) {
    return pickle::loads(pickle::dumps(value)).to_string();
}
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
    }
    return "no such exception";
}

// ---- plain aggregates

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
struct Empty {
    bool operator==(const Empty&) const = default;
};

TEST(PickledClasses, a_plain_aggregate_is_a_tuple_of_its_fields) {
    const Plain plain{{3, "three"}, {1.0, 2.0}, 5};
    EXPECT_EQ(written(plain), "((3, 'three'), [1.0, 2.0], 5)");
    EXPECT_EQ(round_trip(plain), plain);
    EXPECT_EQ(read<Inner>(Object::list({1, "a"})), (Inner{1, "a"}));
    EXPECT_EQ(written(Empty()), "()");
    EXPECT_EQ(round_trip(Empty()), Empty());
}

TEST(PickledClasses, the_place_of_an_error_is_a_fields_number) {
    EXPECT_EQ(text_of<TypeMismatch>([] {
                  static_cast<void>(read<Inner>(Object::tuple({1, 2})));
              }),
              "pickle: [1]: a str is wanted, an int is there");
    EXPECT_EQ(text_of<TypeMismatch>([] {
                  static_cast<void>(read<Inner>(Object::dict({{"number", 1}})));
              }),
              "pickle: a tuple, as the fields have no names, is wanted, a dict is there");
}

// ---- cereal

struct Unnamed {
    int a = 0;
    std::string b;
    template <class A>
    void serialize(A& archive) {
        archive(a, b);
    }
    bool operator==(const Unnamed&) const = default;
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
class Split {
  public:
    Split() = default;
    explicit Split(std::vector<int> values) : values_(std::move(values)) {}
    bool operator==(const Split&) const = default;

  private:
    friend class procession::access;
    template <class A>
    void save(A& archive) const {
        archive(cereal::make_size_tag(static_cast<cereal::size_type>(values_.size())));
        for (const int each : values_) archive << each;
    }
    template <class A>
    void load(A& archive) {
        cereal::size_type size = 0;
        archive(cereal::make_size_tag(size));
        values_.resize(size);
        for (int& each : values_) archive >> each;
    }
    std::vector<int> values_;
};
class Private {
  public:
    Private() = default;
    explicit Private(int hidden) : hidden_(hidden) {}
    bool operator==(const Private&) const = default;

  private:
    friend class procession::access;
    template <class A>
    void serialize(A& archive) {
        archive& hidden_;
    }
    int hidden_ = 0;
};
struct Free {
    Free() = default;
    explicit Free(int value) : number(value) {}
    int number = 0;
    bool operator==(const Free&) const = default;
};
template <class A>
void serialize(A& archive, Free& value) {
    archive(value.number);
}
struct Minimal {
    Minimal() = default;
    explicit Minimal(std::string text) : name(std::move(text)) {}
    std::string name;
    template <class A>
    std::string save_minimal(const A&) const {
        return name;
    }
    template <class A>
    void load_minimal(const A&, const std::string& text) {
        name = text;
    }
    bool operator==(const Minimal&) const = default;
};
struct Versioned {
    int number = 0;
    template <class A>
    void serialize(A& archive, std::uint32_t version) {
        EXPECT_EQ(version, 3u);
        archive(CEREAL_NVP(number));
    }
    bool operator==(const Versioned&) const = default;
};
struct Raw {
    std::uint16_t numbers[2] = {};
    template <class A>
    void serialize(A& archive) {
        archive(cereal::binary_data(numbers, sizeof numbers), numbers);
    }
};
struct Holder {
    std::vector<Unnamed> many;
    std::map<std::string, Named> by_name;
    bool operator==(const Holder&) const = default;
};

TEST(PickledClasses, a_serialized_class_is_a_tuple_of_what_it_archives) {
    EXPECT_EQ(written(Unnamed{1, "x"}), "(1, 'x')");
    EXPECT_EQ(round_trip(Unnamed{1, "x"}), (Unnamed{1, "x"}));
    EXPECT_EQ(written(Private(7)), "(7,)");
    EXPECT_EQ(round_trip(Private(7)), Private(7));
    EXPECT_EQ(written(Free(7)), "(7,)");
    EXPECT_EQ(round_trip(Free(7)), Free(7));
    EXPECT_EQ(written(Split({5, 6})), "(2, 5, 6)");
    EXPECT_EQ(round_trip(Split({5, 6})), Split({5, 6}));
}

TEST(PickledClasses, or_a_dict_where_all_fields_have_names) {
    EXPECT_EQ(written(Named{1, "x"}), "{'a': 1, 'text': 'x'}");
    EXPECT_EQ(round_trip(Named{1, "x"}), (Named{1, "x"}));
    EXPECT_EQ(read<Named>(Object::dict({{"text", "x"}, {"a", 1}})), (Named{1, "x"})) << "in any order";
    EXPECT_EQ(read<Named>(Object::tuple({1, "x"})), (Named{1, "x"})) << "or without the names";
    const Holder holder{{{1, "x"}}, {{"k", {2, "y"}}}};
    EXPECT_EQ(written(holder), "([(1, 'x')], {'k': {'a': 2, 'text': 'y'}})");
    EXPECT_EQ(round_trip(holder), holder);
}

TEST(PickledClasses, a_minimal_class_is_its_value) {
    EXPECT_EQ(written(std::vector{Minimal("a")}), "['a']");
    EXPECT_EQ(round_trip(Minimal("a")), Minimal("a"));
}

TEST(PickledClasses, a_versioned_class_has_its_version_first) {
    EXPECT_EQ(written(Versioned{7}), "{'cereal_class_version': 3, 'number': 7}");
    EXPECT_EQ(round_trip(Versioned{7}), Versioned{7});
    EXPECT_EQ(round_trip(std::vector{Versioned{7}, Versioned{8}})[1], Versioned{8});
}

TEST(PickledClasses, blocks_of_memory_are_bytes_and_arrays_lists) {
    EXPECT_EQ(written(Raw{{1, 2}}), "(b'\\x01\\x00\\x02\\x00', [1, 2])");
    EXPECT_EQ(round_trip(Raw{{1, 2}}).numbers[1], 2);
}

TEST(PickledClasses, a_count_is_believed_as_far_as_there_are_fields) {
    expect_parts(text_of<TypeMismatch>([] {
                     static_cast<void>(read<Split>(Object::tuple({std::uint64_t{1} << 60, 1})));
                 }),
                 {"pickle: [0]: ", " elements are wanted, 1 are there"});
}

// ---- bases

struct Base {
    int base = 0;
    template <class A>
    void serialize(A& archive) {
        archive(CEREAL_NVP(base));
    }
};
struct Derived : Base {
    int own = 0;
    template <class A>
    void serialize(A& archive) {
        archive(cereal::base_class<Base>(this), CEREAL_NVP(own));
    }
};
struct Left : virtual Base {
    template <class A>
    void serialize(A& archive) {
        archive(cereal::virtual_base_class<Base>(this));
    }
};
struct Right : virtual Base {
    template <class A>
    void serialize(A& archive) {
        archive(cereal::virtual_base_class<Base>(this));
    }
};
struct Diamond : Left, Right {
    int own = 0;
    template <class A>
    void serialize(A& archive) {
        archive(cereal::base_class<Left>(this), cereal::base_class<Right>(this), CEREAL_NVP(own));
    }
};
struct Names : std::vector<std::string> {
    using vector::vector;
};

TEST(PickledClasses, the_fields_of_bases_are_among_the_own) {
    Derived derived;
    derived.base = 1;
    derived.own = 2;
    EXPECT_EQ(written(derived), "{'base': 1, 'own': 2}");
    const Derived back = round_trip(derived);
    EXPECT_EQ(back.base, 1);
    EXPECT_EQ(back.own, 2);
    Diamond diamond;
    diamond.base = 1;
    diamond.own = 2;
    EXPECT_EQ(written(diamond), "{'base': 1, 'own': 2}");
    EXPECT_EQ(round_trip(diamond).base, 1);
}

TEST(PickledClasses, what_is_derived_from_a_container_is_one) {
    EXPECT_EQ(written(Names{"a"}), "['a']");
    EXPECT_EQ(round_trip(Names{"a"}), Names{"a"});
}

// ---- registered classes

struct Point {
    int x, y;
    bool operator==(const Point&) const = default;
};
struct Segment {
    Point from, to;
    std::optional<Named> label;
    bool operator==(const Segment&) const = default;
};
struct Titled {
    std::string title;
    template <class A>
    void serialize(A& archive) {
        archive(CEREAL_NVP(title));
    }
};
struct Nameless {
    int number;
};

class RegisteredClasses : public testing::Test {
  protected:
    void SetUp() override {
        pickle::register_class<Point>("geometry", "Point", {"x", "y"});
        pickle::register_class<Segment>("geometry", "Outer.Segment", {"start", "end", "label"});
        pickle::register_class<Titled>("library", "Titled");
    }
};

TEST_F(RegisteredClasses, are_instances_whose_attributes_are_the_fields) {
    EXPECT_EQ(written(Point{1, 2}), "<geometry.Point {'x': 1, 'y': 2}>");
    EXPECT_EQ(round_trip(Point{1, 2}), (Point{1, 2}));
    const Segment segment{{1, 2}, {3, 4}, Named{5, "n"}};
    EXPECT_EQ(round_trip(segment), segment);
    EXPECT_EQ(written(Titled{"t"}), "<library.Titled {'title': 't'}>");
    EXPECT_EQ(round_trip(Titled{"t"}).title, "t");
    EXPECT_EQ(pickle::loads(pickle::dumps(segment)).qualname(), "Outer.Segment");
}

TEST_F(RegisteredClasses, are_read_from_all_that_python_makes_of_a_class) {
    const auto instance = [](Object args, Object state) {
        return Object::instance("geometry", "Point", std::move(args), std::move(state));
    };
    const Object none = Object::tuple();
    const Point point{1, 2};
    EXPECT_EQ(read<Point>(instance(none, Object::dict({{"y", 2}, {"x", 1}, {"_cache", 3}}))), point);
    EXPECT_EQ(read<Point>(instance(none, Object::tuple({nullptr, Object::dict({{"x", 1}, {"y", 2}})}))),
              point)
        << "with __slots__";
    EXPECT_EQ(
        read<Point>(instance(none, Object::tuple({Object::dict({{"x", 1}}), Object::dict({{"y", 2}})}))),
        point)
        << "with both";
    EXPECT_EQ(read<Point>(instance(none, Object::list({1, 2}))), point) << "a dataclass with slots";
    EXPECT_EQ(read<Point>(instance(Object::tuple({1, 2}), nullptr)), point) << "a named tuple";
}

TEST_F(RegisteredClasses, are_not_read_from_others) {
    EXPECT_EQ(text_of<TypeMismatch>(
                  [] { static_cast<void>(read<std::vector<Point>>(Object::list({Object::dict()}))); }),
              "pickle: [0]: an instance of geometry.Point is wanted, a dict is there");
    EXPECT_EQ(text_of<TypeMismatch>(
                  [] { static_cast<void>(read<Point>(pickle::loads(pickle::dumps(Titled{})))); }),
              "pickle: an instance of geometry.Point is wanted, an instance of library.Titled is there");
    EXPECT_EQ(text_of<TypeMismatch>([] {
                  static_cast<void>(read<Point>(
                      Object::instance("geometry", "Point", Object::tuple(), Object::dict({{"x", 1}}))));
              }),
              "pickle: an attribute 'y' is wanted, there is none");
}

TEST_F(RegisteredClasses, have_names_for_all_fields) {
    pickle::register_class<Nameless>("geometry", "Nameless");
    expect_parts(
        text_of<SerializationError>([] { static_cast<void>(pickle::dumps(Nameless{1})); }),
        {"pickle: [0]: ", "Nameless", "geometry.Nameless", "Give pickle::register_class the names"});
    expect_parts(text_of<SerializationError>([] {
                     static_cast<void>(read<Nameless>(
                         Object::instance("geometry", "Nameless", Object::tuple(), Object::dict())));
                 }),
                 {"have no names", "geometry.Nameless"});
}

TEST_F(RegisteredClasses, are_one_of_python_for_one_of_cpp) {
    pickle::register_class<Point>("geometry", "Point", {"x", "y"});
    expect_parts(text_of<ValueError>([] {
                     pickle::register_class<Point>("other", "Point", {"x", "y"});
                 }),
                 {"pickle::register_class", "Point", "\"other\"", "is geometry.Point already"});
    expect_parts(text_of<ValueError>([] { pickle::register_class<Empty>("geometry", "Point"); }),
                 {"Empty", "Point is geometry.Point already"});
}

// ---- pointers to bases

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
struct Labelled {
    virtual ~Labelled() = default;
    int name = 0;
};
struct Circle : Labelled, Shape {
    explicit Circle(double r) : radius(r) {}
    double radius;
    double area() const override { return 3 * radius * radius; }
    template <class A>
    void serialize(A& archive) {
        archive(CEREAL_NVP(radius));
    }
    template <class A>
    static void load_and_construct(A& archive, cereal::construct<Circle>& construct) {
        double radius = 0;
        archive(CEREAL_NVP(radius));
        construct(radius);
    }
};
struct Unregistered : Shape {
    double area() const override { return 0; }
};
struct Concrete {
    virtual ~Concrete() = default;
    int number = 0;
    template <class A>
    void serialize(A& archive) {
        archive(number);
    }
};

using Shapes = std::vector<std::unique_ptr<Shape>>;

TEST(PickledPointers, to_a_base_are_instances_of_the_registered_class_behind_them) {
    pickle::register_class<Square>("shapes", "Square");
    pickle::register_class<Circle>("shapes", "Circle");
    Shapes shapes;
    shapes.push_back(std::make_unique<Square>());
    static_cast<Square&>(*shapes[0]).side = 2;
    shapes.push_back(std::make_unique<Circle>(1));
    shapes.push_back(nullptr);
    EXPECT_EQ(written(shapes), "[<shapes.Square {'side': 2.0}>, <shapes.Circle {'radius': 1.0}>, None]");
    const auto back = pickle::loads<Shapes>(pickle::dumps(shapes));
    ASSERT_EQ(back.size(), 3u);
    EXPECT_EQ(back[0]->area(), 4);
    EXPECT_EQ(back[1]->area(), 3);
    EXPECT_EQ(back[2], nullptr);
    const auto shared = pickle::loads<std::vector<std::shared_ptr<Shape>>>(pickle::dumps(shapes));
    EXPECT_EQ(shared[1]->area(), 3);
}

TEST(PickledPointers, to_an_unregistered_class_are_refused) {
    const std::unique_ptr<Shape> shape = std::make_unique<Unregistered>();
    expect_parts(
        text_of<SerializationError>([&] { static_cast<void>(pickle::dumps(shape)); }),
        {"pickle: the object behind the pointer is a ", "Unregistered", "Call pickle::register_class<"});
    expect_parts(
        text_of<TypeMismatch>([] { static_cast<void>(read<std::unique_ptr<Shape>>(Object::tuple())); }),
        {"an instance of a registered class derived from ", "Shape", "a tuple is there"});
}

TEST(PickledPointers, take_no_class_that_is_not_derived) {
    pickle::register_class<Titled>("library", "Titled");
    expect_parts(
        text_of<TypeMismatch>([] {
            static_cast<void>(read<std::unique_ptr<Shape>>(pickle::loads(pickle::dumps(Titled{"t"}))));
        }),
        {"an instance of a class derived from ", "Shape", "an instance of library.Titled is there"});
}

TEST(PickledPointers, to_what_is_no_base_are_the_value) {
    auto pointer = std::make_unique<Concrete>();
    pointer->number = 5;
    EXPECT_EQ(written(pointer), "(5,)");
    EXPECT_EQ(pickle::loads<std::unique_ptr<Concrete>>(pickle::dumps(pointer))->number, 5);
    EXPECT_EQ(pickle::loads<std::unique_ptr<Circle>>(pickle::dumps(std::make_unique<Circle>(2)))->area(),
              12);
}

}  // namespace
}  // namespace procession

CEREAL_CLASS_VERSION(procession::Versioned, 3)
