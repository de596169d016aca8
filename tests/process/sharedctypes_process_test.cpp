// SPDX-License-Identifier: Apache-2.0

// Values and arrays that several processes share.

#include <gtest/gtest.h>
#include <signal.h>
#include <procession/mp.hpp>

#include <numeric>

#include "support/start_methods.hpp"
#include "support/targets.hpp"

namespace {

namespace test = procession::test;

class Shared : public test::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Methods, Shared, test::all_start_methods(), test::name_of_parameter);

struct Pair {
    int x;
    double y;
};

template <template <class> class V, template <class> class A>
void twice(V<int> a, V<double> b, V<long long> c, V<Pair> d, A<double> e, A<char> f) {
    a.set(2 * a.get());
    b.set(2 * b.get());
    c.set(2 * c.get());
    if constexpr (requires { d.get_lock(); })
        d.with([](Pair& it) { it = {2 * it.x, 2 * it.y}; });
    else
        d.value() = {2 * d.value().x, 2 * d.value().y};
    for (double& each : e) each *= 2;
    const std::string text(f.data());
    (text + text).copy(f.data(), f.size());
}

template <template <class> class V, template <class> class A>
void are_doubled_by_a_child() {
    std::vector<double> numbers(10);
    std::iota(numbers.begin(), numbers.end(), 0);
    const V<int> a(7);
    const V<double> b(1.0 / 3);
    const V<long long> c(1ll << 33);
    const V<Pair> d(Pair{3, 2});
    const A<double> e(numbers);
    const A<char> f(20);
    std::string("hello").copy(f.data(), 5);
    mp::Process process(twice<V, A>, a, b, c, d, e, f);
    process.start();
    process.join();
    ASSERT_EQ(process.exitcode(), 0);
    EXPECT_EQ(a.get(), 14);
    EXPECT_EQ(b.get(), 2.0 / 3);
    EXPECT_EQ(c.get(), 1ll << 34);
    EXPECT_EQ(d.get().x, 6);
    EXPECT_EQ(d.get().y, 4);
    for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(e[i], 2 * numbers[i]);
    EXPECT_STREQ(f.data(), "hellohello");
}

// conformance: value.sharedctypes
// conformance: value.raw
TEST_P(Shared, raw_values_are_doubled_by_a_child) {
    are_doubled_by_a_child<mp::RawValue, mp::RawArray>();
}
// conformance: value.sharedctypes_locked
TEST_P(Shared, locked_values_are_doubled_by_a_child) { are_doubled_by_a_child<mp::Value, mp::Array>(); }

template <class A>
void sum_up(A array) {
    for (std::size_t i = 1; i < array.size(); ++i) array[i] += array[i - 1];
}

template <class A>
void sums_are_read() {
    const std::vector<int> numbers{680, 626, 934, 821, 150, 233, 548, 982, 714, 831};
    const A array(numbers);
    EXPECT_EQ(array.size(), 10u);
    EXPECT_EQ(array[3], 821);
    const auto slice = array.span().subspan(2, 5);
    EXPECT_TRUE(std::equal(slice.begin(), slice.end(), numbers.begin() + 2));
    std::iota(array.begin() + 4, array.begin() + 8, 1);
    std::vector<int> expected(array.begin(), array.end());
    std::partial_sum(expected.begin(), expected.end(), expected.begin());
    mp::Process process(sum_up<A>, array);
    process.start();
    process.join();
    EXPECT_EQ(std::vector<int>(array.begin(), array.end()), expected);
}

// conformance: array.share
TEST_P(Shared, arrays_are_summed_in_place_by_a_child) { sums_are_read<mp::Array<int>>(); }
// conformance: array.raw
TEST_P(Shared, raw_arrays_are_summed_in_place_by_a_child) { sums_are_read<mp::RawArray<int>>(); }

void count_up(mp::Value<int> value, mp::RawValue<int> raw) {
    for (int i = 0; i < 2000; ++i) {
        value.with([](int& it) { ++it; });
        value.fetch_add(1);
        raw.fetch_add(1);
    }
}

TEST_P(Shared, values_lose_nothing) {
    const mp::Value<int> value(0);
    const mp::RawValue<int> raw(0);
    std::vector<mp::Process> processes;
    for (int i = 0; i < 4; ++i) {
        processes.emplace_back(count_up, value, raw);
        processes.back().start();
    }
    for (auto& process : processes) process.join();
    EXPECT_EQ(value.get(), 16'000);
    EXPECT_EQ(raw.get(), 8'000);
}

void send_values(mp::Queue<mp::Value<int>> values, mp::RLock lock) {
    values.put(mp::Value<int>(42, lock));
}

TEST_P(Shared, values_outlive_their_maker_with_the_lock_they_were_given) {
    const mp::Queue<mp::Value<int>> values;
    const mp::RLock lock;
    mp::Process process(send_values, values, lock);
    process.start();
    process.join();
    const mp::Value<int> value = values.get();
    EXPECT_EQ(value.get(), 42);
    EXPECT_EQ(value.get_lock(), lock);
}

void die_at_it(mp::Value<int> value) {
    value.with([](int& it) {
        it = 7;
        ::raise(SIGKILL);
    });
}

TEST_P(Shared, values_tell_of_a_process_that_died_changing_them) {
    const mp::Value<int> value(1);
    mp::Process process(die_at_it, value);
    process.start();
    process.join();
    EXPECT_THROW(static_cast<void>(value.get()), mp::OwnerDied);
    EXPECT_THROW(value.fetch_add(1), mp::OwnerDied);
    EXPECT_EQ(value.value(), 7);
    value.get_lock().recover();
    value.set(1);
    value.get_lock().release();
    EXPECT_EQ(value.get(), 1);
}

static mp::Value<int> global_value(5);
static mp::Array<int> global_array(std::size_t{100});
void change_globals() {
    global_value.fetch_add(1);
    global_array[99] = 3;
}

TEST_P(Shared, values_are_one_if_they_have_static_storage) {
    const int before = global_value.get();
    mp::Process process(change_globals);
    process.start();
    process.join();
    EXPECT_EQ(global_value.get(), before + 1);
    EXPECT_EQ(global_array[99], 3);
}

}  // namespace
