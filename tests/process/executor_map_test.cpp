// SPDX-License-Identifier: Apache-2.0

// An executor's map: results in order, as they come.

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <chrono>
#include <ranges>
#include <stdexcept>
#include <utility>
#include <vector>

#include "support/start_methods.hpp"
#include "support/tasks.hpp"
#include "support/thrown.hpp"
#include "support/waiting.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;

class ExecutorMap : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, ExecutorMap, all_start_methods(), name_of_parameter);

template <class Results>
auto all_of(Results&& results) {
    std::vector<std::ranges::range_value_t<Results>> all;
    for (auto& each : results) all.push_back(std::move(each));
    return all;
}

std::uint64_t power(std::uint64_t base, std::uint64_t exponent) {
    return exponent == 0 ? 1 : base * power(base, exponent - 1);
}
// conformance: executor.map
TEST_P(ExecutorMap, gives_the_results_in_order) {
    const mp::ProcessPoolExecutor executor(2);
    const auto numbers = std::views::iota(std::uint64_t{0}, std::uint64_t{10});
    std::vector<std::uint64_t> powers;
    for (const std::uint64_t each : numbers) powers.push_back(power(each, each));
    EXPECT_EQ(all_of(executor.map(power, numbers, numbers)), powers);
    EXPECT_EQ(all_of(executor.map({.chunksize = 3}, power, numbers, numbers)), powers);
}

std::pair<int, int> divide(int a, int b) {
    if (b == 0) throw std::domain_error("division by zero");
    return {a / b, a % b};
}
// conformance: executor.map_exception
TEST_P(ExecutorMap, throws_what_a_task_threw_at_its_step) {
    const mp::ProcessPoolExecutor executor(2);
    auto results = executor.map(divide, std::vector{1, 1, 1, 1}, std::vector{2, 3, 0, 5});
    EXPECT_EQ(results.next(), std::pair(0, 1));
    EXPECT_EQ(results.next(), std::pair(0, 1));
    EXPECT_EQ(thrown<std::domain_error>([&] { results.next(); }), "division by zero");
    EXPECT_EQ(results.next(), std::pair(0, 1)) << "the others are not lost";
    EXPECT_EQ(results.next(), std::nullopt);
}

int wait_if(bool waits, const Gate& gate) { return waits ? wait_at(gate) : 0; }
// conformance: executor.map_timeout
TEST_P(ExecutorMap, throws_when_a_result_does_not_come_in_time) {
    const mp::ProcessPoolExecutor executor(2);
    const Gate gate;
    const auto begin = std::chrono::steady_clock::now();
    auto results = executor.map({.timeout = 50ms}, wait_if, std::vector{false, false, true},
                                std::vector{gate, gate, gate});
    // What has come is given also when the time is over.
    wait_until([&] { return executor.stats().done == 2; });
    EXPECT_EQ(results.next(), 0);
    EXPECT_EQ(results.next(), 0);
    const std::string text = thrown<mp::TimeoutError>([&] { results.next(); });
    EXPECT_NE(text.find("ProcessPoolExecutor::map"), text.npos) << text;
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 50ms);
    gate.open.set();
}

int number_of(int number) { return number; }
template <int size>
concept TakenAsChunksize = requires {
    mp::ExecutorMapOptions{.chunksize = size};
};
static_assert(TakenAsChunksize<6> && !TakenAsChunksize<-1>);
// conformance: executor.map_chunksize
TEST_P(ExecutorMap, gives_the_same_with_any_chunksize) {
    const mp::ProcessPoolExecutor executor(2);
    const auto items = std::views::iota(0, 40);
    const std::vector<int> numbers(items.begin(), items.end());
    EXPECT_EQ(all_of(executor.map(number_of, items)), numbers);
    for (const std::size_t size : {6, 50, 40, 0})
        EXPECT_EQ(all_of(executor.map({.chunksize = size}, number_of, items)), numbers) << size;
}

struct Counted {
    static inline int count = 0;
    Counted() { ++count; }
    Counted(const Counted&) : Counted() {}
    ~Counted() { --count; }
    template <class A>
    void serialize(A&) {}
};
Counted make_counted(int) { return {}; }
// conformance: executor.map_frees_results
TEST_P(ExecutorMap, keeps_no_result_that_it_gave) {
    const mp::ProcessPoolExecutor executor(2);
    int steps = 0;
    for ([[maybe_unused]] const Counted& each : executor.map(make_counted, std::views::iota(0, 10))) {
        EXPECT_EQ(Counted::count, 1);
        ++steps;
    }
    EXPECT_EQ(steps, 10);
    EXPECT_EQ(Counted::count, 0);
}

}  // namespace
