// SPDX-License-Identifier: Apache-2.0

// What a call gives that does not wait: handles of results, and lazy ranges of them.

#include <gtest/gtest.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <ranges>
#include <string>
#include <thread>
#include <vector>

#include "support/expect.hpp"
#include "support/start_methods.hpp"
#include "support/thrown.hpp"
#include "support/waiting.hpp"
#include "support/warnings.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;

int square(int x) { return x * x; }
int pid_of_worker() { return ::getpid(); }
int wait_and_square(mp::Event go, int x) {
    go.wait();
    return x * x;
}
void fail() { throw std::runtime_error("a task fails"); }

class PoolResultHandles : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, PoolResultHandles, all_start_methods(), name_of_parameter);

TEST_P(PoolResultHandles, say_whether_the_result_is_there) {
    const mp::Pool pool(1);
    const mp::Event go;
    const auto result = pool.apply_async(wait_and_square, go, 3);
    EXPECT_FALSE(result.ready());
    EXPECT_FALSE(result.wait(10ms));
    expect_parts(thrown<mp::TimeoutError>([&] { static_cast<void>(result.get(10ms)); }),
                 {"AsyncResult::get", "did not come in time"});
    expect_parts(thrown<mp::ValueError>([&] { static_cast<void>(result.successful()); }),
                 {"AsyncResult::successful", "not ready", "wait()"});
    go.set();
    EXPECT_TRUE(result.wait());
    EXPECT_TRUE(result.ready());
    EXPECT_TRUE(result.successful());
    EXPECT_EQ(result.get(0s), 9);
    const auto failed = pool.apply_async(fail);
    EXPECT_TRUE(failed.wait());
    EXPECT_FALSE(failed.successful());
    EXPECT_THROW(failed.get(), std::runtime_error);
}

TEST_P(PoolResultHandles, are_the_same_result_in_every_copy) {
    const mp::Pool pool(1);
    const auto result =
        pool.apply_async([](int n) { return std::string(static_cast<std::size_t>(n), 'x'); }, 3);
    const auto copy = result;
    EXPECT_EQ(copy, result);
    EXPECT_EQ(result.get(), "xxx");
    EXPECT_EQ(copy.get(), "xxx");
    EXPECT_EQ(result.get(), "xxx");
    const auto failed = pool.apply_async(fail);
    const auto failed_copy = failed;
    EXPECT_EQ(thrown<std::runtime_error>([&] { failed.get(); }), "a task fails");
    EXPECT_EQ(thrown<std::runtime_error>([&] { failed_copy.get(); }), "a task fails");
}

TEST_P(PoolResultHandles, end_their_waits_when_a_stop_is_requested) {
    const mp::Pool pool(1);
    const mp::Event go;
    const auto result = pool.apply_async(wait_and_square, go, 3);
    std::stop_source stop;
    std::jthread stopper([&] {
        wait_until([&] { return pool.stats().running == 1; });
        stop.request_stop();
    });
    EXPECT_THROW(static_cast<void>(result.get(stop.get_token())), mp::CancelledError);
    EXPECT_THROW(static_cast<void>(result.wait(1h, stop.get_token())), mp::CancelledError);
    go.set();
    EXPECT_EQ(result.get(), 9);
}

TEST_P(PoolResultHandles, throw_CancelledError_after_their_pool) {
    const mp::Event go;
    const auto [done, pending, queued, mapped] = [&] {
        const mp::Pool pool(1);
        const auto first = pool.apply_async(square, 3);
        first.wait();
        // Braces: they are called in this order.
        return std::tuple{first, pool.apply_async(wait_and_square, go, 3), pool.apply_async(square, 3),
                          pool.map_async(square, {1, 2, 3})};
    }();
    EXPECT_EQ(done.get(), 9);
    for (const auto& result : {pending, queued})
        expect_parts(thrown<mp::CancelledError>([&] { static_cast<void>(result.get()); }),
                     {"Pool", "cancelled"});
    EXPECT_TRUE(mapped.ready());
    EXPECT_FALSE(mapped.successful());
    EXPECT_THROW(static_cast<void>(mapped.get()), mp::CancelledError);
    EXPECT_FALSE(pending.cancel());
}

TEST_P(PoolResultHandles, wake_a_waiter_when_the_pool_is_terminated) {
    const mp::Pool pool(1);
    const mp::Event go;
    const auto result = pool.apply_async(wait_and_square, go, 3);
    std::jthread ender([&] {
        wait_until([&] { return pool.stats().running == 1; });
        pool.terminate();
    });
    EXPECT_THROW(static_cast<void>(result.get()), mp::CancelledError);
}

TEST_P(PoolResultHandles, cancel_what_is_queued_and_what_runs) {
    const mp::Pool pool(1);
    const mp::Event go;
    const mp::Value<int> runs(0);
    const auto running = pool.apply_async(wait_and_square, go, 3);
    const auto queued = pool.apply_async([](mp::Value<int> count) { return count.fetch_add(1); }, runs);
    const auto last = pool.apply_async(square, 4);
    wait_until([&] { return pool.stats().running == 1; });
    EXPECT_TRUE(queued.cancel());
    EXPECT_FALSE(queued.cancel());
    EXPECT_THROW(static_cast<void>(queued.get()), mp::CancelledError);
    EXPECT_TRUE(running.cancel());
    EXPECT_THROW(static_cast<void>(running.get()), mp::CancelledError);
    EXPECT_EQ(last.get(), 16);
    EXPECT_FALSE(last.cancel());
    EXPECT_EQ(last.get(), 16);
    EXPECT_EQ(runs.get(), 0);
    EXPECT_EQ(pool.stats().died, 0U);
}

TEST_P(PoolResultHandles, cancel_all_of_a_map) {
    const mp::Pool pool(2);
    const mp::Event go;
    const auto mapped = pool.map_async(mp::bind(wait_and_square, go), std::vector<int>(1000), 1);
    wait_until([&] { return pool.stats().running == 2; });
    EXPECT_TRUE(mapped.cancel());
    EXPECT_THROW(static_cast<void>(mapped.get()), mp::CancelledError);
    EXPECT_EQ(pool.apply(square, 5), 25);
    EXPECT_EQ(pool.stats().queued, 0U);
}

int count_until_stopped(std::stop_token stop, mp::Event begun, mp::Event stopped) {
    begun.set();
    wait_until([&] { return stop.stop_requested(); });
    stopped.set();
    return 1;
}
TEST_P(PoolResultHandles, ask_a_task_that_takes_a_stop_token_to_stop) {
    const mp::Pool pool(1, {.grace = 1h});
    const int pid = pool.apply(pid_of_worker);
    const mp::Event begun, stopped;
    const auto result = pool.apply_async(count_until_stopped, begun, stopped);
    begun.wait();
    EXPECT_TRUE(result.cancel());
    EXPECT_THROW(static_cast<void>(result.get()), mp::CancelledError);
    EXPECT_TRUE(stopped.is_set());
    // It ended by itself, so its worker did not have to.
    EXPECT_EQ(pool.apply(pid_of_worker), pid);
}

TEST_P(PoolResultHandles, call_back_once_before_waits_end) {
    const mp::Pool pool(1);
    const mp::Event go;
    std::vector<int> values;
    const auto result = pool.apply_async(wait_and_square, go, 3);
    const auto nothing = pool.apply_async([] {});
    result.then([&](const int& value) { values.push_back(value); });
    result.then([&](int value) { values.push_back(value + 1); }, [](std::exception_ptr) { FAIL(); });
    nothing.then([&] { values.push_back(0); });
    go.set();
    EXPECT_EQ(result.get(), 9);
    nothing.get();
    EXPECT_EQ(values, (std::vector{9, 10, 0}));
}

TEST_P(PoolResultHandles, call_back_with_what_was_there_before) {
    const mp::Pool pool(1);
    const mp::Event called;
    int got = 0;
    const auto result = pool.apply_async(square, 3);
    EXPECT_TRUE(result.wait());
    result.then([&](int value) {
        got = value;
        called.set();
    });
    called.wait();
    EXPECT_EQ(got, 9);
}

TEST_P(PoolResultHandles, call_back_when_the_pool_ends) {
    const mp::Event go;
    std::vector<std::string> errors;
    {
        const mp::Pool pool(1);
        const auto result = pool.apply_async(wait_and_square, go, 3);
        result.then(
            [](int) {},
            [&](std::exception_ptr error) {
                errors.push_back(thrown<mp::CancelledError>([&] { std::rethrow_exception(error); }));
            });
    }
    ASSERT_EQ(errors.size(), 1U);
    expect_parts(errors[0], {"Pool", "cancelled"});
}

TEST_P(PoolResultHandles, log_an_exception_that_nobody_fetched) {
    const mp::Pool pool(1);
    const Warnings warnings;
    { pool.apply_async(fail).wait(); }
    {
        const auto fetched = pool.apply_async(fail);
        EXPECT_THROW(fetched.get(), std::runtime_error);
    }
    EXPECT_EQ(warnings.count(), 1U);
    expect_parts(warnings.text(), {"nobody fetched", "a task fails"});
}

class Imap : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, Imap, all_start_methods(), name_of_parameter);

TEST_P(Imap, reads_its_input_in_the_calling_thread_and_not_all_at_once) {
    const mp::Pool pool(2);
    int read = 0;
    const std::thread::id here = std::this_thread::get_id();
    auto results = pool.imap(square, std::views::iota(0) | std::views::transform([&](int n) {
                                         EXPECT_EQ(std::this_thread::get_id(), here);
                                         ++read;
                                         return n;
                                     }));
    const int at_first = read;
    EXPECT_GT(at_first, 0);
    EXPECT_EQ(results.next(), 0);
    EXPECT_EQ(results.next(), 1);
    EXPECT_GT(read, at_first);
    EXPECT_LT(read, 100);
}

TEST_P(Imap, keeps_an_rvalue_and_refers_to_an_lvalue) {
    const mp::Pool pool(1);
    std::vector<int> got;
    auto kept = pool.imap(square, std::vector<int>(100, 3));
    for (const int each : kept) got.push_back(each);
    EXPECT_EQ(got, std::vector<int>(100, 9));

    std::vector<int> numbers(100, 0);
    auto referred = pool.imap(square, numbers);
    numbers.back() = 5;
    got.clear();
    for (const int each : referred) got.push_back(each);
    EXPECT_EQ(got.back(), 25);
}

TEST_P(Imap, is_an_input_range) {
    const mp::Pool pool(1);
    auto results = pool.imap(square, {1, 2, 3, 4});
    static_assert(std::ranges::input_range<decltype(results)>);
    int sum = 0;
    for (const int each : results | std::views::transform([](int n) { return n + 1; })) sum += each;
    EXPECT_EQ(sum, 34);
}

int fail_at_two(int x) {
    if (x == 2) throw std::runtime_error("two");
    return x;
}
TEST_P(Imap, goes_on_after_a_task_that_failed) {
    const mp::Pool pool(2);
    auto results = pool.imap(fail_at_two, {1, 2, 3});
    EXPECT_EQ(results.next(), 1);
    EXPECT_EQ(thrown<std::runtime_error>([&] { static_cast<void>(results.next()); }), "two");
    EXPECT_EQ(results.next(), 3);
    EXPECT_EQ(results.next(), std::nullopt);
}

TEST_P(Imap, next_waits_no_longer_than_it_may) {
    const mp::Pool pool(1);
    const mp::Event go;
    auto results = pool.imap(mp::bind(wait_and_square, go), {1, 2});
    EXPECT_THROW(static_cast<void>(results.next(10ms)), mp::TimeoutError);
    go.set();
    EXPECT_EQ(results.next(), 1);
    auto step = results.begin();
    EXPECT_EQ(*step, 4);
    EXPECT_EQ(step.next(1h), std::nullopt);
}

TEST_P(Imap, throws_CancelledError_after_its_pool) {
    const mp::Event go;
    auto results = [&] {
        const mp::Pool pool(1);
        return pool.imap(mp::bind(wait_and_square, go), {1, 2});
    }();
    EXPECT_THROW(static_cast<void>(results.next()), mp::CancelledError);
}

TEST_P(Imap, may_be_left_before_its_end) {
    const mp::Pool pool(2);
    {
        auto results = pool.imap(square, std::views::iota(0));
        EXPECT_EQ(results.next(), 0);
    }
    for (const int each : pool.imap(square, std::views::iota(0), 10))
        if (each > 10'000) break;
    pool.close();
    EXPECT_TRUE(pool.join());
}

TEST_P(Imap, refuses_chunks_of_nothing) {
    const mp::Pool pool(1);
    expect_parts(thrown<mp::ValueError>([&] { static_cast<void>(pool.imap(square, {1}, 0)); }),
                 {"imap", "chunksize", "1 or more"});
}

}  // namespace
