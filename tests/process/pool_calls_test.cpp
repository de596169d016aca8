// SPDX-License-Identifier: Apache-2.0

// What a pool's workers can be given to call, and with which arguments.

#include <gtest/gtest.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <array>
#include <list>
#include <map>
#include <memory>
#include <numeric>
#include <ranges>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "support/expect.hpp"
#include "support/start_methods.hpp"
#include "support/thrown.hpp"

namespace {

using namespace procession::test;

class PoolCalls : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, PoolCalls, all_start_methods(), name_of_parameter);

int times(int a, int b) { return a * b; }

struct Adder {
    int number = 0;
    int operator()(int x) const { return number + x; }
    int add(int x) const { return number + x; }
    template <class Archive>
    void serialize(Archive& archive) {
        archive(number);
    }
};
TEST_P(PoolCalls, function_is_whatever_can_be_sent) {
    const mp::Pool pool(2);
    EXPECT_EQ(pool.apply(times, 3, 4), 12);
    EXPECT_EQ(pool.apply(&times, 3, 4), 12);
    EXPECT_EQ(pool.apply([](int x) { return x + 1; }, 3), 4);
    EXPECT_EQ(pool.apply(Adder{10}, 3), 13);
    EXPECT_EQ(pool.apply(&Adder::add, Adder{20}, 3), 23);
    EXPECT_EQ(pool.apply(mp::bind(times, 5), 4), 20);
    EXPECT_EQ(pool.apply(mp::Function<int(int)>(Adder{30}), 3), 33);
}
TEST_P(PoolCalls, function_of_a_map_has_its_state_in_each_worker) {
    const mp::Pool pool(2);
    EXPECT_EQ(pool.map(Adder{10}, {1, 2, 3}), (std::vector{11, 12, 13}));
    EXPECT_EQ(pool.map(Adder{20}, {1, 2, 3}), (std::vector{21, 22, 23}));
    EXPECT_EQ(pool.map(mp::bind(times, 5), {1, 2, 3}), (std::vector{5, 10, 15}));
    EXPECT_EQ(pool.starmap(&Adder::add, {std::tuple(Adder{1}, 1), std::tuple(Adder{2}, 2)}),
              (std::vector{2, 4}));
}

TEST_P(PoolCalls, function_of_another_library_has_no_name_in_the_workers) {
    const mp::Pool pool(1);
    for (int n = 0; n < 2; ++n)
        expect_parts(thrown<mp::StateError>([&] { static_cast<void>(pool.apply(::getpid)); }),
                     {"libc", "wrapped in a lambda"});
    EXPECT_EQ(pool.apply([] { return ::getpid(); }), pool.workers()[0].pid());
}

void set_event(mp::Event event) { event.set(); }
void put(mp::Queue<int> queue, int item) { queue.put(item); }
TEST_P(PoolCalls, function_that_returns_nothing_gives_nothing) {
    const mp::Pool pool(2);
    const mp::Event event;
    static_assert(std::is_void_v<decltype(pool.apply(set_event, event))>);
    pool.apply(set_event, event);
    EXPECT_TRUE(event.is_set());
    event.clear();
    static_assert(std::is_same_v<decltype(pool.apply_async(set_event, event)), mp::AsyncResult<void>>);
    pool.apply_async(set_event, event).get();
    EXPECT_TRUE(event.is_set());
    const mp::Queue<int> queue;
    const std::vector numbers{1, 2, 3};
    static_assert(std::is_void_v<decltype(pool.map(mp::bind(put, queue), numbers))>);
    pool.map(mp::bind(put, queue), numbers);
    pool.map_async(mp::bind(put, queue), numbers).get();
    pool.starmap(put, {std::tuple(queue, 4)});
    EXPECT_EQ(queue.qsize(), 7U);
    int steps = 0;
    for (const std::monostate each : pool.imap(mp::bind(put, queue), numbers)) {
        static_cast<void>(each);
        ++steps;
    }
    EXPECT_EQ(steps, 3);
    EXPECT_EQ(queue.qsize(), 10U);
}

const std::string& kept_text(int length) {
    static std::string text;
    text.assign(static_cast<std::size_t>(length), 'k');
    return text;
}
TEST_P(PoolCalls, returned_reference_comes_back_by_value) {
    const mp::Pool pool(1);
    static_assert(std::is_same_v<decltype(pool.apply(kept_text, 1)), std::string>);
    EXPECT_EQ(pool.apply(kept_text, 3), "kkk");
    EXPECT_EQ(pool.map(kept_text, {1, 2}), (std::vector<std::string>{"k", "kk"}));
    // As a vector has it: its elements have no addresses.
    EXPECT_EQ(pool.map([](int x) { return x > 1; }, {1, 2}), (std::vector{false, true}));
}

std::string take_string(const std::string& text) { return "string " + text; }
std::string take_view(std::string_view text) { return "view " + std::string(text); }
std::string take_pointer(const char* text) { return std::string("pointer ") + text; }
std::string take_own(std::string text) { return std::move(text) + "!"; }
TEST_P(PoolCalls, text_arrives_as_the_function_takes_it) {
    const mp::Pool pool(1);
    const char* const pointer = "p";
    const std::string text = "s";
    const std::string_view view = "v";
    EXPECT_EQ(pool.apply(take_string, "literal"), "string literal");
    EXPECT_EQ(pool.apply(take_view, pointer), "view p");
    EXPECT_EQ(pool.apply(take_pointer, text), "pointer s");
    EXPECT_EQ(pool.apply(take_pointer, view), "pointer v");
    EXPECT_EQ(pool.apply(take_own, text), "s!");
    EXPECT_EQ(pool.map(take_view, {"a", "b"}), (std::vector<std::string>{"view a", "view b"}));
    EXPECT_EQ(pool.map(take_pointer, std::vector<std::string>{"c"}),
              (std::vector<std::string>{"pointer c"}));
    std::istringstream words("some words");
    std::vector<std::string> taken;
    for (const std::string& each : pool.imap(take_own, std::ranges::istream_view<std::string>(words)))
        taken.push_back(each);
    EXPECT_EQ(taken, (std::vector<std::string>{"some!", "words!"}));
}

int value_of(std::unique_ptr<int> pointer) { return *pointer; }
std::unique_ptr<int> pointer_to(int value) { return std::make_unique<int>(value); }
TEST_P(PoolCalls, what_can_only_be_moved_goes_there_and_back) {
    const mp::Pool pool(2);
    EXPECT_EQ(pool.apply(value_of, std::make_unique<int>(3)), 3);
    EXPECT_EQ(*pool.apply(pointer_to, 4), 4);
    std::vector<std::unique_ptr<int>> pointers;
    pointers.push_back(std::make_unique<int>(5));
    pointers.push_back(std::make_unique<int>(6));
    EXPECT_EQ(pool.map(value_of, pointers), (std::vector{5, 6}));
    const auto back = pool.map(pointer_to, {7, 8});
    EXPECT_EQ(*back[0] + *back[1], 15);
    for (const std::unique_ptr<int>& each : pool.imap(pointer_to, {9})) EXPECT_EQ(*each, 9);

    const auto later = pool.apply_async(pointer_to, 10);
    EXPECT_EQ(*later.get(), 10);
    EXPECT_THROW(static_cast<void>(later.get()), mp::StateError);
}

struct Point {
    int x = 0, y = 0;
    std::string name = {};
    bool operator==(const Point&) const = default;
};
std::map<std::string, Point> by_name(const std::vector<Point>& points) {
    std::map<std::string, Point> result;
    for (const Point& each : points) result[each.name] = each;
    return result;
}
TEST_P(PoolCalls, containers_and_aggregates_are_arguments_and_results) {
    const mp::Pool pool(1);
    const std::vector<Point> points{{1, 2, "a"}, {3, 4, "b"}};
    EXPECT_EQ(pool.apply(by_name, points),
              (std::map<std::string, Point>{{"a", points[0]}, {"b", points[1]}}));
    EXPECT_EQ(pool.map(
                  [](const Point& point) {
                      return Point{point.y, point.x, point.name};
                  },
                  points),
              (std::vector<Point>{{2, 1, "a"}, {4, 3, "b"}}));
}

int count_up(mp::Lock lock, mp::Value<int>& counter, const mp::Queue<int>& queue, int by) {
    const std::scoped_lock guard(lock);
    counter.value() += by;
    queue.put(by);
    return counter.value();
}
mp::Queue<int> queue_with(int item) {
    mp::Queue<int> queue;
    queue.put(item);
    return queue;
}
TEST_P(PoolCalls, handles_are_the_same_objects_in_the_workers) {
    const mp::Pool pool(2);
    const mp::Lock lock;
    const mp::Value<int> counter(0);
    const mp::Queue<int> queue;
    EXPECT_EQ(pool.apply(count_up, lock, counter, queue, 5), 5);
    EXPECT_EQ(counter.get(), 5);
    EXPECT_EQ(queue.get(), 5);
    static_cast<void>(pool.map(mp::bind(count_up, lock, counter, queue), std::vector<int>(100, 1)));
    EXPECT_EQ(counter.get(), 105);
    EXPECT_EQ(queue.qsize(), 100U);
    // And in results, one that was made there.
    EXPECT_EQ(pool.apply(queue_with, 7).get(), 7);
    const auto queues = pool.map(queue_with, {8, 9});
    EXPECT_EQ(queues[0].get(), 8);
    EXPECT_EQ(queues[1].get(), 9);
}

int answer(mp::Connection connection) {
    const int question = connection.recv<int>();
    connection.send(question + 1);
    return question;
}
mp::Connection open_end() {
    auto [here, there] = mp::Pipe();
    here.send(11);
    return std::move(there);
}
TEST_P(PoolCalls, connections_move_to_the_workers_and_back) {
    const mp::Pool pool(1);
    auto [here, there] = mp::Pipe();
    const auto question = pool.apply_async(answer, std::move(there));
    here.send(41);
    EXPECT_EQ(here.recv<int>(), 42);
    EXPECT_EQ(question.get(), 41);
    mp::Connection back = pool.apply(open_end);
    EXPECT_EQ(back.recv<int>(), 11);
}

std::vector<char> grown(std::vector<char> bytes) {
    bytes.push_back('e');
    return bytes;
}
TEST_P(PoolCalls, arguments_and_results_may_be_long) {
    const mp::Pool pool(2);
    const std::vector<char> bytes(std::size_t{16} << 20, 'b');
    const auto back = pool.apply(grown, bytes);
    ASSERT_EQ(back.size(), bytes.size() + 1);
    EXPECT_EQ(back.back(), 'e');
    for (const auto& each : pool.map(grown, std::vector(4, std::vector<char>(1 << 20, 'm'))))
        EXPECT_EQ(each.size(), (std::size_t{1} << 20) + 1);
}

double sum_of(std::span<const double> part) { return std::accumulate(part.begin(), part.end(), 0.0); }
TEST_P(PoolCalls, large_input_is_looked_at_in_slices) {
    const mp::Pool pool(2);
    std::vector<double> numbers(1'000'003);
    std::iota(numbers.begin(), numbers.end(), 0.0);
    const auto sums = pool.map(sum_of, mp::slices(numbers, 100'000));
    ASSERT_EQ(sums.size(), 11U);
    EXPECT_EQ(sums[10], 1'000'000.0 + 1'000'001.0 + 1'000'002.0);
    EXPECT_EQ(std::accumulate(sums.begin(), sums.end(), 0.0),
              std::accumulate(numbers.begin(), numbers.end(), 0.0));
    EXPECT_EQ(pool.map_async(sum_of, mp::slices(numbers, 500'000), 1).get().size(), 3U);
    EXPECT_THROW(static_cast<void>(mp::slices(numbers, 0)), mp::ValueError);
    EXPECT_TRUE(pool.map(sum_of, mp::slices(std::vector<double>(), 10)).empty());
}

TEST_P(PoolCalls, input_is_any_range) {
    const mp::Pool pool(2);
    const auto twice = [](int x) { return 2 * x; };
    const std::vector expected{2, 4, 6};
    EXPECT_EQ(pool.map(twice, {1, 2, 3}), expected);
    EXPECT_EQ(pool.map(twice, std::array{1, 2, 3}), expected);
    EXPECT_EQ(pool.map(twice, std::list{1, 2, 3}), expected);
    EXPECT_EQ(pool.map(twice, std::views::iota(1, 4)), expected);
    std::istringstream numbers("1 2 3");
    EXPECT_EQ(pool.map(twice, std::ranges::istream_view<int>(numbers)), expected);
    EXPECT_EQ(pool.map([](bool b) { return b ? 2 : 1; }, std::vector{true, false}), (std::vector{2, 1}));
    EXPECT_EQ(pool.starmap(times, std::map<int, int>{{1, 2}, {2, 2}, {3, 2}}), expected);
}

TEST_P(PoolCalls, many_small_items_come_in_order) {
    const mp::Pool pool(3);
    std::vector<int> numbers(100'000);
    std::iota(numbers.begin(), numbers.end(), 0);
    for (const std::size_t chunksize : {0, 1, 7, 1'000'000})
        EXPECT_EQ(pool.map([](int x) { return x; }, numbers, chunksize), numbers);
    const auto texts = pool.map([](int x) { return std::to_string(x); }, numbers);
    ASSERT_EQ(texts.size(), numbers.size());
    for (const int n : numbers) ASSERT_EQ(texts[n], std::to_string(n));
}

TEST_P(PoolCalls, several_threads_may_call) {
    const mp::Pool pool(2);
    std::vector<std::jthread> callers;
    for (int caller = 0; caller < 4; ++caller)
        callers.emplace_back([&pool, caller] {
            for (int n = 0; n < 50; ++n) {
                EXPECT_EQ(pool.apply(times, caller, n), caller * n);
                EXPECT_EQ(pool.map(mp::bind(times, caller), {n, n + 1}),
                          (std::vector{caller * n, caller * (n + 1)}));
            }
        });
}

TEST_P(PoolCalls, many_may_be_under_way) {
    const mp::Pool pool(2);
    std::vector<mp::AsyncResult<int>> results;
    for (int n = 0; n < 10'000; ++n) results.push_back(pool.apply_async(times, n, 2));
    for (int n = 0; n < 10'000; ++n) ASSERT_EQ(results[n].get(), 2 * n);
}

int fibonacci(int n) {
    if (n < 2) return n;
    const mp::Pool pool(2);
    return pool.apply(fibonacci, n - 1) + pool.apply(fibonacci, n - 2);
}
TEST_P(PoolCalls, task_may_have_a_pool_of_its_own) { EXPECT_EQ(fibonacci(3), 2); }

}  // namespace
