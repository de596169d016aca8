// SPDX-License-Identifier: Apache-2.0

// A pool of the server's processes.

#include <procession/mp.hpp>

#include <gtest/gtest.h>
#include <unistd.h>

#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include "support/expect.hpp"
#include "support/manager.hpp"
#include "support/start_methods.hpp"
#include "support/targets.hpp"
#include "support/thrown.hpp"

namespace {

using namespace std::chrono_literals;
namespace test = mp::test;
using Numbers = std::vector<int>;

int square(int x) { return x * x; }
int add(int a, int b) { return a + b; }
std::string greet(std::string_view name) { return "hello " + std::string(name); }
int process_id(int) { return ::getpid(); }
void nothing(int) {}
int fail(int x) {
    if (x == 2) throw std::out_of_range("two");
    return x;
}
void wait_for_ever(int) { test::wait_for_ever(); }

class PoolProxyTest : public test::WithManager {
  protected:
    mp::PoolProxy pool_ = manager_.Pool(2);
};

TEST_F(PoolProxyTest, calls_functions_in_processes_of_the_server) {
    EXPECT_EQ(pool_.apply(square, 3), 9);
    EXPECT_EQ(pool_.apply(greet, "Bob"), "hello Bob");
    EXPECT_EQ(pool_.apply([](int x) { return -x; }, 3), -3);
    EXPECT_EQ(pool_.apply(mp::bind(add, 10), 1), 11);
    pool_.apply(nothing, 1);
    EXPECT_NE(pool_.apply(process_id, 0), ::getpid());
    EXPECT_EQ(pool_.processes(), 2);
}

TEST_F(PoolProxyTest, maps_in_the_order_of_the_items) {
    Numbers items(100), squares;
    for (int i = 0; i < 100; ++i) squares.push_back((items[i] = i) * i);
    EXPECT_EQ(pool_.map(square, items), squares);
    EXPECT_EQ(pool_.map(square, items, 7), squares);
    EXPECT_EQ(pool_.map(square, {1, 2, 3}), (Numbers{1, 4, 9}));
    EXPECT_EQ(pool_.map(square, Numbers()), Numbers());
    EXPECT_EQ(pool_.starmap(add, {std::tuple(1, 2), std::tuple(3, 4)}), (Numbers{3, 7}));
    pool_.map(nothing, {1, 2});
}

TEST_F(PoolProxyTest, results_may_come_later_and_elsewhere) {
    const mp::AsyncResultProxy<int> result = pool_.apply_async(square, 4);
    EXPECT_TRUE(result.wait(1h));
    EXPECT_TRUE(result.ready());
    EXPECT_TRUE(result.successful());
    EXPECT_EQ(result.get(), 16);
    const auto all = pool_.map_async(square, {1, 2, 3});
    test::run(
        [](mp::AsyncResultProxy<Numbers> squares) {
            if (squares.get() != Numbers{1, 4, 9}) throw std::logic_error("it is another result");
        },
        all);
    const auto never = pool_.apply_async(wait_for_ever, 0);
    EXPECT_FALSE(never.ready());
    EXPECT_THROW(static_cast<void>(never.successful()), mp::ValueError);
    EXPECT_THROW(never.get(1ms), mp::TimeoutError);
}

TEST_F(PoolProxyTest, results_of_imap_come_one_by_one) {
    Numbers seen;
    for (const int each : pool_.imap(square, {1, 2, 3})) seen.push_back(each);
    EXPECT_EQ(seen, (Numbers{1, 4, 9}));
    int sum = 0;
    for (const int each : pool_.imap_unordered(square, {1, 2, 3}, 2)) sum += each;
    EXPECT_EQ(sum, 14);
}

TEST_F(PoolProxyTest, exceptions_come_back) {
    EXPECT_THROW(pool_.apply(fail, 2), std::out_of_range);
    EXPECT_EQ(test::thrown<std::out_of_range>([&] { pool_.map(fail, {1, 2, 3}, 1); }), "two");
    const auto failed = pool_.apply_async(fail, 2);
    EXPECT_TRUE(failed.wait());
    EXPECT_FALSE(failed.successful());
    EXPECT_THROW(failed.get(), std::out_of_range);
    auto results = pool_.imap(fail, {1, 2, 3});
    auto each = results.begin();
    EXPECT_EQ(*each, 1);
    EXPECT_THROW(++each, std::out_of_range);
    ++each;
    EXPECT_EQ(*each, 3);
}

TEST_F(PoolProxyTest, is_closed_and_joined) {
    EXPECT_THROW(pool_.join(1ms), mp::ValueError);
    const auto last = pool_.apply_async(square, 5);
    pool_.close();
    EXPECT_TRUE(pool_.join());
    EXPECT_EQ(last.get(), 25);
    EXPECT_THROW(pool_.apply(square, 1), mp::ValueError);
}

TEST_F(PoolProxyTest, handles_cannot_be_given_to_it) {
    const std::string text =
        test::thrown<mp::SerializationError>([&] { pool_.apply([](mp::Lock) {}, mp::Lock()); });
    test::expect_parts(text, {"PoolProxy", "handle", "Pool of this process"});
    EXPECT_THROW(manager_.Pool(0), mp::ValueError);
}

class PoolProxyInAChild : public test::EachStartMethod {
  protected:
    mp::SyncManager manager_ = mp::Manager();
};
INSTANTIATE_TEST_SUITE_P(EveryMethod, PoolProxyInAChild, test::all_start_methods(),
                         test::name_of_parameter);

// conformance: proxies.pool
TEST_P(PoolProxyInAChild, is_used_and_terminated_there) {
    test::run(
        [](mp::PoolProxy pool) {
            if (pool.apply(square, 2) != 4) throw std::logic_error("it is another result");
            pool.terminate();
            pool.join();
        },
        manager_.Pool(4));
}

}  // namespace
