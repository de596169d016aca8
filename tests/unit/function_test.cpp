// SPDX-License-Identifier: Apache-2.0
#include <procession/function.hpp>

#include <procession/mp.hpp>

#include <gtest/gtest.h>

#include <array>

namespace {

int square(int x) { return x * x; }
std::size_t length(std::string text) { return text.size(); }
void add_to(int& sum, int more) { sum += more; }

struct Counter {
    int count = 0;
    int operator()(int step) { return count += step; }
    template <class A>
    void serialize(A& archive) {
        archive(count);
    }
};
struct Scaled {
    int factor;
    int operator()(int x) const { return factor * x; }
};
struct Point {
    int x, y;
    int plus(int z) const { return x + y + z; }
    void move_by(int d) { x += d; }
};
struct Tagged {
    int tag;
};
struct Both : Tagged, Point {};
struct Shape {
    virtual ~Shape() = default;
    virtual int corners() const { return 0; }
};

/// What arrives when it is sent.
template <class T>
T sent(const T& value) {
    mp::detail::Buffer buffer;
    mp::NativeWriter writer(buffer);
    mp::detail::save_value(writer, value);
    mp::NativeReader reader(buffer.bytes());
    return mp::detail::load_value<T>(reader);
}

TEST(Function, is_empty_until_it_is_given_something) {
    mp::Function<int(int)> function;
    EXPECT_FALSE(function);
    EXPECT_TRUE(function == nullptr);
    EXPECT_FALSE(mp::Function<int(int)>(nullptr));
    EXPECT_FALSE(mp::Function<int(int)>(static_cast<int (*)(int)>(nullptr)));
    EXPECT_FALSE(mp::Function<int(Point&)>(static_cast<int (Point::*)()>(nullptr)));
    EXPECT_FALSE(mp::Function<long(int)>(function));
    EXPECT_FALSE(sent(function));
    function = square;
    EXPECT_TRUE(function);
    EXPECT_TRUE(mp::Function<long(int)>(function));
    function = nullptr;
    EXPECT_FALSE(function);
}

TEST(Function, that_is_empty_throws_bad_function_call) {
    EXPECT_THROW(mp::Function<void()>()(), std::bad_function_call);
    EXPECT_THROW(sent(mp::Function<int(int)>())(1), std::bad_function_call);
}

TEST(Function, calls_what_it_holds) {
    EXPECT_EQ(mp::Function<int(int)>(square)(3), 9);
    EXPECT_EQ(mp::Function<int(int)>(&square)(3), 9);
    EXPECT_EQ(mp::Function<long(short)>(square)(3), 9);
    EXPECT_EQ(mp::Function<int(int)>([](int x) { return x + 1; })(3), 4);
    EXPECT_EQ(mp::Function<int(int)>(Scaled{5})(3), 15);
    EXPECT_EQ(mp::Function<int(int)>(mp::bind([](int a, int b) { return a - b; }, 10))(3), 7);
    mp::Function<void(int)>{square}(3);
    int sum = 1;
    mp::Function<void(int&, int)> add = add_to;
    add(sum, 4);
    EXPECT_EQ(sum, 5);
    mp::Function<int(std::unique_ptr<int>)> take = [](std::unique_ptr<int> value) { return *value; };
    EXPECT_EQ(take(std::make_unique<int>(8)), 8);
}

TEST(Function, calls_member_functions) {
    mp::Function<int(const Point&, int)> plus = &Point::plus;
    EXPECT_EQ(plus({1, 2}, 3), 6);
    mp::Function<void(Point&, int)> move = &Point::move_by;
    Point point{1, 2};
    move(point, 4);
    EXPECT_EQ(point.x, 5);
    EXPECT_EQ(sent(plus)({1, 2}, 3), 6);
    EXPECT_EQ(sent(mp::Function<int(int)>(mp::bind(&Point::plus, Point{1, 2})))(3), 6);
}

TEST(Function, calls_member_functions_of_a_second_base) {
    mp::Function<int(const Both&, int)> plus = static_cast<int (Both::*)(int) const>(&Both::plus);
    const Both both{{100}, {1, 2}};
    EXPECT_EQ(plus(both, 3), 6);
    EXPECT_EQ(sent(plus)(both, 3), 6);
}

TEST(Function, of_a_virtual_member_function_is_called_here_but_not_sent) {
    mp::Function<int(const Shape&)> corners = &Shape::corners;
    EXPECT_EQ(corners(Shape()), 0);
    try {
        sent(corners);
        FAIL();
    } catch (const mp::SerializationError& error) {
        for (const char* part : {"virtual member function", "lambda without captures"})
            EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
}

TEST(Function, copies_have_a_state_of_their_own) {
    mp::Function<int(int)> first = Counter{};
    EXPECT_EQ(first(2), 2);
    mp::Function<int(int)> copy = first;
    EXPECT_EQ(first(2), 4);
    EXPECT_EQ(copy(10), 12);
    copy = first;
    EXPECT_EQ(copy(1), 5);
    copy = static_cast<const mp::Function<int(int)>&>(copy);
    EXPECT_EQ(copy(1), 6);
}

TEST(Function, moves_without_throwing_and_leaves_nothing) {
    static_assert(std::is_nothrow_move_constructible_v<mp::Function<int(int)>>);
    static_assert(std::is_nothrow_move_assignable_v<mp::Function<int(int)>>);
    mp::Function<int(int)> first = Counter{5};
    mp::Function<int(int)> second = std::move(first);
    EXPECT_FALSE(first);
    EXPECT_EQ(second(1), 6);
}

TEST(Function, is_sent_with_its_state) {
    EXPECT_EQ(sent(mp::Function<int(int)>(square))(4), 16);
    EXPECT_EQ(sent(mp::Function<int(int)>([](int x) { return -x; }))(4), -4);
    EXPECT_EQ(sent(mp::Function<int(int)>(Scaled{3}))(4), 12);
    EXPECT_EQ(sent(mp::Function<int(int)>(Counter{10}))(1), 11);
    EXPECT_EQ(sent(mp::Function<std::size_t()>(mp::bind(length, "four")))(), 4u);
    EXPECT_EQ(sent(mp::Function<long(int)>(mp::Function<int(int)>(square)))(4), 16);
    EXPECT_EQ(sent(std::vector<mp::Function<int(int)>>{square, Scaled{2}})[1](4), 8);
}

TEST(Function, of_a_bound_call_may_be_called_again_and_again) {
    mp::Function<std::size_t()> by_value = mp::bind(length, std::string(100, 'x'));
    mp::Function<std::size_t()> by_pointer =
        mp::bind([](const char* text) { return std::strlen(text); }, "two");
    mp::Function<std::size_t()> by_rvalue = mp::bind(
        [](std::vector<int>&& list) { return std::exchange(list, {}).size(); }, std::vector{1, 2, 3});
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(by_value(), 100u);
        EXPECT_EQ(by_pointer(), 3u);
        EXPECT_EQ(by_rvalue(), 3u);
    }
}

TEST(Function, holds_bound_arguments_that_can_only_be_moved) {
    mp::Function<int()> function =
        mp::bind([](const std::unique_ptr<int>& value) { return (*value)++; }, std::make_unique<int>(7));
    mp::Function<int()> copy = function;
    EXPECT_EQ(function(), 7);
    EXPECT_EQ(function(), 8);
    EXPECT_EQ(copy(), 7);
    EXPECT_EQ(sent(function)(), 9);
    // It could be called once only, and a Function may be called again.
    using Taken = decltype(mp::bind([](std::unique_ptr<int>) {}, std::make_unique<int>(7)));
    static_assert(!std::is_constructible_v<mp::Function<void()>, Taken>);
    static_assert(std::is_constructible_v<mp::Process, Taken>);
}

TEST(Function, holds_handles) {
    mp::Queue<int> queue;
    mp::Function<void(int)> put = mp::bind([](mp::Queue<int>& to, int item) { to.put(item); }, queue);
    put(1);
    sent(put)(2);
    EXPECT_EQ(queue.get_many(3), (std::vector{1, 2}));
}

TEST(Function, travels_through_queues) {
    mp::Queue<mp::Function<std::size_t()>> queue;
    queue.put(mp::bind(length, std::string(1000, 'x')));
    EXPECT_EQ(queue.get()(), 1000u);
}

TEST(Function, takes_only_what_can_be_called_with_the_signature) {
    static_assert(std::is_constructible_v<mp::Function<long(short)>, int (*)(int)>);
    static_assert(!std::is_constructible_v<mp::Function<int(std::string)>, int (*)(int)>);
    static_assert(!std::is_constructible_v<mp::Function<std::string(int)>, int (*)(int)>);
    static_assert(!std::is_constructible_v<mp::Function<void()>, int>);
}

/// A message that names this function, to be received as a T.
template <class T>
void receive(const mp::detail::PlaceName& name) {
    mp::detail::Buffer buffer;
    mp::NativeWriter writer(buffer);
    writer(true);
    mp::detail::save_place(writer, name);
    mp::NativeReader reader(buffer.bytes());
    static_cast<void>(mp::detail::load_value<T>(reader));
}

bool was_called = false;
void note_call() { was_called = true; }

TEST(Function, by_a_name_that_is_in_no_table_calls_nothing) {
    namespace detail = procession::detail;
    auto name = detail::name_of_code(reinterpret_cast<const void*>(note_call));
    EXPECT_THROW(receive<mp::Function<void()>>(name), mp::StateError);
    name.build_id = "another build";
    EXPECT_THROW(receive<mp::Function<void()>>(name), mp::StateError);
    EXPECT_FALSE(was_called);
}

TEST(Function, of_another_signature_or_kind_is_refused) {
    namespace detail = procession::detail;
    using Held = detail::CallableOf<void (*)(), void()>;
    const auto name = detail::name_of(detail::entry_of<&Held::load>);
    EXPECT_THROW(receive<mp::Function<int()>>(name), mp::StateError);
    const auto target = detail::name_of(detail::entry_of<&detail::invoke<void (*)()>>);
    EXPECT_THROW(receive<mp::Function<void()>>(target), mp::StateError);
}

TEST(Function, of_a_member_outside_of_its_class_is_refused) {
    namespace detail = procession::detail;
    detail::Buffer buffer;
    mp::NativeWriter writer(buffer);
    auto pointer = std::bit_cast<detail::MemberFunction>(&Point::plus);
    pointer.adjustment += 1024;
    detail::save_member_function(writer, pointer);
    mp::NativeReader reader(buffer.bytes());
    EXPECT_THROW(static_cast<void>(detail::load_callable<decltype(&Point::plus)>(reader)),
                 mp::StateError);
}

}  // namespace
