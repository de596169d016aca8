// SPDX-License-Identifier: Apache-2.0

// What a pool's calls give: their results, once they are there and in which order.

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <numeric>
#include <ranges>
#include <string>
#include <thread>
#include <vector>

#include "support/start_methods.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;

class PoolResults : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, PoolResults, all_start_methods(), name_of_parameter);

int square(int x) { return x * x; }
int times(int a, int b) { return a * b; }
int square_slowly(int x) {
    std::this_thread::sleep_for(100ms);
    return x * x;
}
int parse(mp::Event go, const std::string& text) {
    go.wait();
    return std::stoi(text);
}

std::vector<int> first_numbers(int count) {
    std::vector<int> numbers(count);
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
}
std::vector<int> squares(int count) {
    std::vector<int> results;
    for (const int n : first_numbers(count)) results.push_back(n * n);
    return results;
}
std::vector<std::pair<int, int>> pairs(int count) {
    std::vector<std::pair<int, int>> all;
    for (int n = 0; n < count; ++n) all.emplace_back(n, n + 1);
    return all;
}
std::vector<int> products(int count) {
    std::vector<int> results;
    for (const auto& [a, b] : pairs(count)) results.push_back(a * b);
    return results;
}
template <class Range>
std::vector<int> sorted(Range&& results) {
    std::vector<int> all;
    for (const int each : results) all.push_back(each);
    std::sort(all.begin(), all.end());
    return all;
}

// conformance: pool.apply
TEST_P(PoolResults, apply_gives_the_one_result) {
    const mp::Pool pool(2);
    EXPECT_EQ(pool.apply(square, 5), 25);
    EXPECT_EQ(pool.apply(square, 3), 9);
}

// conformance: pool.async_get
TEST_P(PoolResults, get_waits_for_the_result) {
    const mp::Pool pool(2);
    const auto result = pool.apply_async(square_slowly, 7);
    EXPECT_EQ(result.get(), 49);
    EXPECT_TRUE(result.ready());
    EXPECT_TRUE(result.successful());
}

TEST_P(PoolResults, map_gives_the_results_in_order) {
    const mp::Pool pool(3);
    EXPECT_EQ(pool.map(square, first_numbers(10)), squares(10));
    EXPECT_EQ(pool.map(square, first_numbers(100), 20), squares(100));
}

// conformance: pool.starmap
TEST_P(PoolResults, starmap_calls_with_each_item_s_parts) {
    const mp::Pool pool(3);
    EXPECT_EQ(pool.starmap(times, pairs(10)), products(10));
    EXPECT_EQ(pool.starmap(times, pairs(100), 20), products(100));
}

// conformance: pool.starmap_async
TEST_P(PoolResults, starmap_async_gives_the_products_later) {
    const mp::Pool pool(3);
    EXPECT_EQ(pool.starmap_async(times, pairs(100)).get(), products(100));
}

// conformance: pool.map_async
TEST_P(PoolResults, map_async_gives_the_squares_later) {
    const mp::Pool pool(3);
    EXPECT_EQ(pool.map_async(square, first_numbers(10)).get(), squares(10));
}

// conformance: pool.map_async_callbacks
TEST_P(PoolResults, callbacks_are_called_before_wait_returns) {
    const mp::Pool pool(2);
    std::vector<std::vector<int>> values;
    std::vector<std::string> errors;
    const auto on_value = [&](const std::vector<int>& value) { values.push_back(value); };
    const auto on_error = [&](std::exception_ptr error) {
        try {
            std::rethrow_exception(error);
        } catch (const std::invalid_argument& what) {
            errors.emplace_back(what.what());
        } catch (const std::exception& what) {
            errors.push_back(std::string("not an invalid_argument: ") + what.what());
        }
    };
    const mp::Event go;
    const auto good = pool.map_async(mp::bind(parse, go), {"1"});
    good.then(on_value, on_error);
    go.set();
    EXPECT_TRUE(good.wait());
    EXPECT_EQ(values, (std::vector<std::vector<int>>{{1}}));
    EXPECT_TRUE(errors.empty());

    go.clear();
    const auto bad = pool.map_async(mp::bind(parse, go), {"one"}, 1);
    bad.then(on_value, on_error);
    go.set();
    EXPECT_TRUE(bad.wait());
    EXPECT_EQ(values.size(), 1U);
    EXPECT_EQ(errors, (std::vector<std::string>{"stoi"}));
    EXPECT_THROW(static_cast<void>(bad.get()), std::exception);
}

// conformance: pool.map_empty_chunksize
TEST_P(PoolResults, map_async_of_nothing_is_there_at_once) {
    const mp::Pool pool(2);
    EXPECT_EQ(pool.map_async(square, std::vector<int>(), 1).get(0s), std::vector<int>());
}

// conformance: pool.empty_input
TEST_P(PoolResults, nothing_comes_of_nothing) {
    const mp::Pool pool(2);
    const std::vector<int> none;
    EXPECT_EQ(pool.map(square, none), none);
    EXPECT_EQ(pool.starmap(times, pairs(0)), none);
    EXPECT_EQ(sorted(pool.imap(square, none)), none);
    EXPECT_EQ(sorted(pool.imap_unordered(square, none)), none);
    EXPECT_EQ(pool.map_async(square, none).get(), none);
    pool.close();
    EXPECT_TRUE(pool.join());
}

// conformance: pool.imap
TEST_P(PoolResults, imap_gives_them_in_order_by_loop_and_by_steps) {
    const mp::Pool pool(3);
    for (const auto& [count, chunksize] : {std::pair(10, 1), std::pair(1000, 100)}) {
        const std::vector<int> numbers = first_numbers(count);
        std::vector<int> looped;
        for (const int each : pool.imap(square, numbers, chunksize)) looped.push_back(each);
        EXPECT_EQ(looped, squares(count));

        auto results = pool.imap(square, numbers, chunksize);
        for (const int n : numbers) EXPECT_EQ(results.next(), n * n);
        EXPECT_EQ(results.next(), std::nullopt);
    }
}

// conformance: pool.imap_unordered
TEST_P(PoolResults, imap_unordered_gives_each_of_them_once) {
    const mp::Pool pool(3);
    EXPECT_EQ(sorted(pool.imap_unordered(square, std::views::iota(0, 10))), squares(10));
    EXPECT_EQ(sorted(pool.imap_unordered(square, std::views::iota(0, 1000), 100)), squares(1000));
}

/// A mebibyte of text, by which the two are told apart.
std::string long_text(char letter) { return std::string(std::size_t{1} << 20, letter); }
void fail_by_and_by(bool slowly, mp::Event ended) {
    if (slowly) {
        std::this_thread::sleep_for(200ms);
        ended.set();
    }
    throw std::runtime_error(long_text(slowly ? 's' : 'f'));
}
// conformance: pool.map_no_failfast
TEST_P(PoolResults, map_throws_when_all_have_ended_and_what_is_first_in_order) {
    const mp::Pool pool(2);
    for (const bool slow_first : {false, true}) {
        const mp::Event ended;
        try {
            pool.starmap(fail_by_and_by, {std::tuple(slow_first, ended), std::tuple(!slow_first, ended)},
                         1);
            FAIL();
        } catch (const std::exception& error) {
            EXPECT_EQ(error.what(), long_text(slow_first ? 's' : 'f'));
        }
        EXPECT_TRUE(ended.is_set());
    }
    pool.close();
    EXPECT_TRUE(pool.join());
}

int counted_objects = 0;
/// Says how many of them there are in a process.
struct Counted {
    int number = 0;
    explicit Counted(int n = 0) : number(n) { ++counted_objects; }
    Counted(const Counted& other) : number(other.number) { ++counted_objects; }
    Counted& operator=(const Counted&) = default;
    ~Counted() { --counted_objects; }
    template <class Archive>
    void serialize(Archive& archive) {
        archive(number);
    }
};
Counted same(const Counted& object) { return object; }
int objects_in_worker() { return counted_objects; }
// conformance: pool.releases_task_refs
TEST_P(PoolResults, neither_arguments_nor_results_are_kept) {
    const mp::Pool pool(1);
    {
        const auto back = pool.map(same, std::vector<Counted>(10));
        EXPECT_EQ(back.size(), 10U);
        EXPECT_EQ(counted_objects, 10);
    }
    EXPECT_EQ(counted_objects, 0);
    EXPECT_EQ(pool.apply(objects_in_worker), 0);
}

}  // namespace
