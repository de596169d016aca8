// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <procession/mp.hpp>
#include <procession/thread_pool.hpp>

#include <atomic>
#include <latch>
#include <memory>
#include <mutex>
#include <numeric>
#include <ranges>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "support/child.hpp"
#include "support/expect.hpp"
#include "support/waiting.hpp"

namespace {

using namespace std::chrono_literals;
using procession::test::expect_parts;
using procession::test::in_child;
using procession::test::wait_until;

int square(int x) { return x * x; }
int times(int a, int b) { return a * b; }
double sum(std::span<const double> part) { return std::accumulate(part.begin(), part.end(), 0.0); }

std::vector<int> numbers_to(int end) {
    std::vector<int> numbers(end);
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
}
std::vector<int> squares_to(int end) {
    std::vector<int> squares = numbers_to(end);
    for (int& n : squares) n *= n;
    return squares;
}

/// What `call` throws, in words.
template <class E, class Call>
std::string text_of(const Call& call) {
    try {
        call();
    } catch (const E& error) {
        return error.what();
    }
    return "nothing was thrown";
}

/// So many of a pool's threads are at something, until it is opened or goes.
class Busy {
  public:
    Busy(const mp::ThreadPool& pool, int threads) {
        std::latch begun(threads);
        for (int i = 0; i < threads; ++i)
            tasks_.push_back(pool.apply_async([this, &begun] {
                begun.count_down();
                opened_.wait();
            }));
        begun.wait();
    }
    ~Busy() {
        open();
        for (const auto& task : tasks_) task.wait();
    }
    void open() {
        if (!opened_.try_wait()) opened_.count_down();
    }

  private:
    std::latch opened_{1};
    std::vector<mp::AsyncResult<void>> tasks_;
};

/// An argument or a result of which it is known how many there are.
struct Counted {
    static inline std::atomic<int> alive{0};
    Counted() { ++alive; }
    Counted(const Counted&) { ++alive; }
    Counted& operator=(const Counted&) = default;
    ~Counted() { --alive; }
};

// ---------------------------------------------------------------- calls

TEST(ThreadPool, a_call_is_done_by_another_thread) {
    const mp::ThreadPool pool(2);
    EXPECT_EQ(pool.apply(square, 5), 25);
    EXPECT_EQ(pool.apply([](const std::string& text) { return text + text; }, "ab"), "abab");
    EXPECT_EQ(pool.apply(::getpid), ::getpid());
    EXPECT_NE(pool.apply([] { return std::this_thread::get_id(); }), std::this_thread::get_id());
}

TEST(ThreadPool, what_a_lambda_captures_is_there) {
    const mp::ThreadPool pool(2);
    std::atomic<int> total{0};
    pool.map([&total](int n) { total += n; }, numbers_to(100));
    EXPECT_EQ(total, 4950);
    auto owned = std::make_unique<int>(7);
    EXPECT_EQ(pool.apply([owned = std::move(owned)] { return *owned; }), 7);
}

TEST(ThreadPool, what_can_only_be_moved_is_moved) {
    const mp::ThreadPool pool(2);
    const auto next = [](std::unique_ptr<int> n) { return std::make_unique<int>(*n + 1); };
    EXPECT_EQ(*pool.apply(next, std::make_unique<int>(1)), 2);
    std::vector<std::unique_ptr<int>> numbers;
    for (int i = 0; i < 10; ++i) numbers.push_back(std::make_unique<int>(i));
    const auto results = pool.map(next, std::move(numbers));
    ASSERT_EQ(results.size(), 10U);
    for (int i = 0; i < 10; ++i) EXPECT_EQ(*results[i], i + 1);
    std::vector<std::unique_ptr<int>> more;
    for (int i = 0; i < 10; ++i) more.push_back(std::make_unique<int>(i));
    int expected = 1;
    for (auto& result : pool.imap(next, std::move(more))) EXPECT_EQ(*result, expected++);
    EXPECT_EQ(expected, 11);
}

TEST(ThreadPool, what_cannot_be_sent_is_given_all_the_same) {
    const mp::ThreadPool pool(2);
    std::mutex mutex;
    int x = 1;
    EXPECT_EQ(pool.apply([](int* n, std::mutex* m) { return std::lock_guard(*m), ++*n; }, &x, &mutex),
              2);
    EXPECT_EQ(pool.apply([](int* n) { return n; }, &x), &x);
}

TEST(ThreadPool, map_gives_the_results_in_order) {
    const mp::ThreadPool pool(3);
    const std::vector<int> numbers = numbers_to(10'000), squares = squares_to(10'000);
    for (const std::size_t chunksize : {0, 1, 7, 20'000})
        EXPECT_EQ(pool.map(square, numbers, chunksize), squares) << chunksize;
    EXPECT_EQ(pool.map_async(square, numbers | std::views::reverse).get().back(), 0);
    EXPECT_EQ(pool.map(square, {1, 2, 3}), (std::vector{1, 4, 9}));
    EXPECT_EQ(pool.map([](bool b) { return !b; }, std::vector{true, false, true}),
              (std::vector{false, true, false}));
    EXPECT_EQ(pool.starmap(times, {std::pair(1, 2), std::pair(3, 4)}), (std::vector{2, 12}));
    EXPECT_EQ(pool.starmap_async(times, std::vector{std::tuple(2, 3)}).get(), std::vector{6});
}

TEST(ThreadPool, nothing_gives_nothing) {
    const mp::ThreadPool pool(2);
    const std::vector<int> none;
    EXPECT_TRUE(pool.map(square, none).empty());
    EXPECT_TRUE(pool.map_async(square, none, 1).get().empty());
    for ([[maybe_unused]] int n : pool.imap(square, none)) ADD_FAILURE();
    for ([[maybe_unused]] int n : pool.imap_unordered(square, none)) ADD_FAILURE();
}

TEST(ThreadPool, imap_gives_the_results_as_they_come) {
    const mp::ThreadPool pool(2);
    std::vector<int> got;
    for (int n : pool.imap(square, std::views::iota(0, 1000), 100)) got.push_back(n);
    EXPECT_EQ(got, squares_to(1000));
    got.clear();
    for (int n : pool.imap_unordered(square, std::views::iota(0, 1000), 7)) got.push_back(n);
    std::sort(got.begin(), got.end());
    EXPECT_EQ(got, squares_to(1000));
}

TEST(ThreadPool, imap_reads_only_some_ahead) {
    const mp::ThreadPool pool(1);
    int read = 0;
    auto results = pool.imap(square, std::views::iota(0, 1'000'000) |
                                         std::views::transform([&](int n) { return ++read, n; }));
    EXPECT_EQ(results.next(), 0);
    EXPECT_LT(read, 100);
}

TEST(ThreadPool, an_imap_goes_on_after_close) {
    const mp::ThreadPool pool(2);
    auto results = pool.imap(square, std::views::iota(0, 100));
    pool.close();
    EXPECT_TRUE(pool.join());
    std::vector<int> got;
    for (int n : results) got.push_back(n);
    EXPECT_EQ(got, squares_to(100));
    EXPECT_TRUE(pool.join());
}

TEST(ThreadPool, slices_are_pieces_of_a_sequence) {
    const mp::ThreadPool pool(2);
    const std::vector<double> numbers(100'003, 0.5);
    const auto sums = pool.map(sum, mp::slices(numbers, 1000));
    ASSERT_EQ(sums.size(), 101U);
    EXPECT_EQ(sums.back(), 1.5);
    EXPECT_EQ(std::accumulate(sums.begin(), sums.end(), 0.0), 50'001.5);
}

TEST(ThreadPool, a_result_can_be_nothing) {
    const mp::ThreadPool pool(2);
    std::atomic<int> calls{0};
    const auto call = [&](int) { ++calls; };
    pool.apply(call, 1);
    pool.map(call, {1, 2});
    pool.map_async(call, {1, 2}).get();
    for (const std::monostate nothing : pool.imap(call, {1, 2})) EXPECT_EQ(nothing, std::monostate());
    EXPECT_EQ(calls, 7);
}

// ---------------------------------------------------------------- exceptions

TEST(ThreadPool, an_exception_comes_as_itself) {
    struct Own : std::runtime_error {
        using std::runtime_error::runtime_error;
        std::shared_ptr<int> held = std::make_shared<int>(3);
    };
    const mp::ThreadPool pool(2);
    const auto fail = [] { throw Own("own"); };
    try {
        pool.apply(fail);
        FAIL();
    } catch (const Own& error) {
        EXPECT_STREQ(error.what(), "own");
        EXPECT_EQ(*error.held, 3);
    }
    EXPECT_THROW(pool.apply([] { throw 7; }), int);
    EXPECT_EQ(pool.apply(square, 2), 4);
}

// conformance: pool.exception_type
TEST(ThreadPool, test_wrapped_exception) {
    const mp::ThreadPool pool(1);
    EXPECT_EQ(
        text_of<std::runtime_error>([&] { pool.apply([] { throw std::runtime_error("raising"); }); }),
        "raising");
}

TEST(ThreadPool, map_throws_the_first_exception_by_the_items_order) {
    const mp::ThreadPool pool(2);
    std::latch later_has_failed(1);
    const auto fail = [&](int n) {
        if (n == 1) {
            later_has_failed.wait();
            throw std::runtime_error("first");
        }
        if (n == 2) {
            const auto told =
                std::shared_ptr<void>(nullptr, [&](void*) { later_has_failed.count_down(); });
            throw std::runtime_error("second");
        }
    };
    EXPECT_EQ(text_of<std::runtime_error>([&] { pool.map(fail, {0, 1, 2}, 1); }), "first");
}

TEST(ThreadPool, an_exception_of_the_input_comes_out_of_map) {
    const mp::ThreadPool pool(2);
    const auto fails_at_3 = std::views::iota(0, 10) | std::views::transform([](int n) {
                                if (n == 3) throw std::out_of_range("input");
                                return n;
                            });
    EXPECT_EQ(text_of<std::out_of_range>([&] { static_cast<void>(pool.map(square, fails_at_3)); }),
              "input");
    int got = 0;
    EXPECT_EQ(text_of<std::out_of_range>([&] {
                  for (int n : pool.imap(square, fails_at_3)) {
                      EXPECT_EQ(n, got * got);
                      ++got;
                  }
              }),
              "input");
    EXPECT_EQ(got, 3);
}

TEST(ThreadPool, an_exception_that_nobody_fetched_is_logged) {
    std::ostringstream log;
    const auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(log);
    mp::get_logger()->sinks().push_back(sink);
    mp::get_logger()->set_level(spdlog::level::warn);
    {
        const mp::ThreadPool pool(1);
        pool.apply_async([] { throw std::runtime_error("lonely"); }).wait();
    }
    mp::get_logger()->sinks().pop_back();
    expect_parts(log.str(), {"nobody fetched", "lonely"});
}

// ---------------------------------------------------------------- lifetimes

TEST(ThreadPool, what_was_given_is_gone_once_the_result_is_there) {
    const mp::ThreadPool pool(2);
    pool.apply([](const Counted&, const Counted&) {}, Counted(), Counted());
    EXPECT_EQ(Counted::alive, 0);
    pool.apply([captured = Counted()] {});
    EXPECT_EQ(Counted::alive, 0);
    pool.map([](const Counted&) {}, std::vector<Counted>(10));
    EXPECT_EQ(Counted::alive, 0);
}

TEST(ThreadPool, a_result_outlives_its_pool) {
    auto result = [] { return mp::ThreadPool(1).apply_async(square, 3); }();
    try {
        EXPECT_EQ(result.get(), 9);
    } catch (const mp::CancelledError&) {
        // The pool ended before it was begun, or done.
    }
}

TEST(ThreadPool, a_result_that_can_only_be_moved_is_there_once) {
    const mp::ThreadPool pool(1);
    const auto result = pool.apply_async([] { return std::make_unique<int>(3); });
    EXPECT_EQ(*result.get(), 3);
    expect_parts(text_of<mp::StateError>([&] { static_cast<void>(result.get()); }), {"moved out"});
}

// ---------------------------------------------------------------- results

TEST(ThreadPool, a_wait_for_a_result_can_end_before) {
    const mp::ThreadPool pool(1);
    Busy busy(pool, 1);
    const auto result = pool.apply_async(square, 3);
    EXPECT_FALSE(result.ready());
    EXPECT_FALSE(result.wait(1ms));
    EXPECT_THROW(static_cast<void>(result.get(1ms)), mp::TimeoutError);
    EXPECT_THROW(static_cast<void>(result.successful()), mp::ValueError);
    std::stop_source stop;
    std::thread stopper([&] { stop.request_stop(); });
    expect_parts(text_of<mp::CancelledError>([&] { static_cast<void>(result.get(stop.get_token())); }),
                 {"ThreadPool", "stopped"});
    stopper.join();
    busy.open();
    EXPECT_EQ(result.get(), 9);
    EXPECT_TRUE(result.successful());
}

TEST(ThreadPool, callbacks_are_called_before_those_who_wait_go_on) {
    const mp::ThreadPool pool(2);
    for (int i = 0; i < 100; ++i) {
        int value = 0, errors = 0;
        std::thread::id thread;
        const auto result = pool.apply_async(square, i);
        result.then([&](int n) { value = n, thread = std::this_thread::get_id(); });
        result.wait();
        EXPECT_EQ(value, i * i);
        EXPECT_NE(thread, std::this_thread::get_id());
        const auto failing = pool.apply_async([] { throw std::runtime_error("x"); });
        failing.then([] { ADD_FAILURE(); }, [&](const std::exception_ptr&) { ++errors; });
        failing.wait();
        EXPECT_EQ(errors, 1);
    }
}

TEST(ThreadPool, after_its_end_a_callback_is_called_at_once) {
    const auto result = [] {
        const mp::ThreadPool pool(1);
        auto made = pool.apply_async(square, 3);
        made.wait();
        return made;
    }();
    int value = 0;
    result.then([&](int n) { value = n; });
    EXPECT_EQ(value, 9);
}

TEST(ThreadPool, several_results_are_waited_for_together) {
    const mp::ThreadPool pool(2);
    std::vector<mp::AsyncResult<int>> results;
    for (int i = 0; i < 10; ++i) results.push_back(pool.apply_async(square, i));
    EXPECT_EQ(mp::wait(results).done.size(), 10U);
    int total = 0;
    for (const auto& result : mp::as_completed(results)) total += result.get();
    EXPECT_EQ(total, 285);
}

// ---------------------------------------------------------------- cancelling, time

TEST(ThreadPool, what_is_queued_is_cancelled_at_once) {
    const mp::ThreadPool pool(1);
    Busy busy(pool, 1);
    std::atomic<int> calls{0};
    std::vector<mp::AsyncResult<void>> results;
    for (int i = 0; i < 3; ++i) results.push_back(pool.apply_async([&] { ++calls; }));
    EXPECT_TRUE(results[1].cancel());
    EXPECT_FALSE(results[1].cancel());
    expect_parts(text_of<mp::CancelledError>([&] { results[1].get(); }), {"ThreadPool", "cancelled"});
    const auto many = pool.map_async([&](int) { ++calls; }, numbers_to(5000));
    EXPECT_TRUE(many.cancel());
    EXPECT_THROW(many.get(), mp::CancelledError);
    busy.open();
    results[0].get();
    results[2].get();
    EXPECT_FALSE(results[2].cancel());
    EXPECT_EQ(calls, 2);
}

TEST(ThreadPool, what_runs_is_asked_to_stop_and_ends_by_itself) {
    const mp::ThreadPool pool(1);
    std::latch begun(1), asked(1);
    std::atomic<bool> has_ended{false};
    const auto result = pool.apply_async([&](std::stop_token stop) {
        const std::stop_callback note(stop, [&] { asked.count_down(); });
        begun.count_down();
        asked.wait();
        has_ended = true;
    });
    begun.wait();
    EXPECT_TRUE(result.cancel());
    EXPECT_THROW(result.get(), mp::CancelledError);
    EXPECT_TRUE(has_ended);
    EXPECT_EQ(pool.apply(square, 2), 4);
}

TEST(ThreadPool, the_rest_of_a_chunk_is_not_begun_after_a_cancellation) {
    const mp::ThreadPool pool(1);
    std::latch begun(1), cancelled(1);
    std::atomic<int> calls{0};
    const auto result = pool.map_async(
        [&](int) {
            ++calls;
            begun.count_down();
            cancelled.wait();
        },
        {1, 2, 3}, 3);
    begun.wait();
    EXPECT_TRUE(result.cancel());
    cancelled.count_down();
    EXPECT_THROW(result.get(), mp::CancelledError);
    EXPECT_EQ(calls, 1);
}

TEST(ThreadPool, a_task_that_is_late_is_asked_to_stop) {
    const mp::ThreadPool pool(1);
    const auto until_asked = [](std::stop_token stop) {
        std::latch asked(1);
        const std::stop_callback note(stop, [&] { asked.count_down(); });
        asked.wait();
    };
    const auto result = pool.apply_async(mp::TaskOptions{.timeout = 10ms}, until_asked);
    expect_parts(text_of<mp::TimeoutError>([&] { result.get(); }), {"ThreadPool", "0.01 s"});
    const mp::ThreadPool limited(1, {.task_timeout = 10ms});
    EXPECT_THROW(limited.apply(until_asked), mp::TimeoutError);
    EXPECT_THROW(limited.map([&](std::stop_token stop, int) { until_asked(stop); }, {1, 2}, 2),
                 mp::TimeoutError);
    EXPECT_EQ(limited.apply(mp::TaskOptions{.timeout = 1h}, square, 3), 9);
}

TEST(ThreadPool, a_late_task_that_takes_no_token_is_waited_for) {
    const mp::ThreadPool pool(1, {.task_timeout = 1ms});
    std::atomic<bool> has_ended{false};
    EXPECT_THROW(pool.apply([&] {
        const auto begin = std::chrono::steady_clock::now();
        wait_until([&] { return std::chrono::steady_clock::now() > begin + 2ms; });
        has_ended = true;
    }),
                 mp::TimeoutError);
    EXPECT_TRUE(has_ended);
}

TEST(ThreadPool, tasks_are_begun_by_priority_and_then_in_order) {
    const mp::ThreadPool pool(1);
    std::vector<int> order;
    {
        Busy busy(pool, 1);
        const auto note = [&](int n) { order.push_back(n); };
        for (const auto& [priority, n] :
             std::vector<std::pair<int, int>>{{-1, 5}, {0, 3}, {1, 1}, {0, 4}, {1, 2}, {-1, 6}})
            static_cast<void>(pool.apply_async(mp::TaskOptions{.priority = priority}, note, n));
        busy.open();
        pool.close();
        pool.join();
    }
    EXPECT_EQ(order, (std::vector{1, 2, 3, 4, 5, 6}));
}

// ---------------------------------------------------------------- the pool itself

TEST(ThreadPool, its_size_is_checked) {
    expect_parts(text_of<mp::ValueError>([] { mp::ThreadPool pool(0); }),
                 {"ThreadPool", "0 threads", "1 or more"});
    EXPECT_THROW(mp::ThreadPool(-1), mp::ValueError);
    EXPECT_EQ(mp::ThreadPool(3).stats().workers.size(), 3U);
    EXPECT_EQ(mp::ThreadPool().stats().workers.size(), static_cast<std::size_t>(mp::cpu_count()));
}

TEST(ThreadPool, all_threads_work_at_the_same_time) {
    const mp::ThreadPool pool(4);
    std::latch all(4);
    pool.map([&](int) { all.arrive_and_wait(); }, {1, 2, 3, 4});
}

TEST(ThreadPool, the_initializer_is_called_by_each_thread_first) {
    std::mutex mutex;
    std::set<std::thread::id> initialized;
    const mp::ThreadPool pool(3, {.initializer = [&] {
                                  const std::lock_guard lock(mutex);
                                  initialized.insert(std::this_thread::get_id());
                              }});
    const auto is_initialized = [&](int) {
        const std::lock_guard lock(mutex);
        return initialized.contains(std::this_thread::get_id());
    };
    for (const bool is : pool.map(is_initialized, numbers_to(100), 1)) EXPECT_TRUE(is);
    pool.close();
    pool.join();
    EXPECT_EQ(initialized.size(), 3U);
}

TEST(ThreadPool, what_the_initializer_throws_is_the_error_of_every_task) {
    const mp::ThreadPool pool(2, {.initializer = [] { throw std::runtime_error("no start"); }});
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(text_of<std::runtime_error>([&] { pool.apply(square, 1); }), "no start");
    EXPECT_EQ(text_of<std::runtime_error>([&] {
                  static_cast<void>(pool.map(square, {1, 2}));
              }),
              "no start");
    pool.close();
    EXPECT_TRUE(pool.join());
}

TEST(ThreadPool, after_close_what_was_submitted_is_done) {
    const mp::ThreadPool pool(2);
    const auto result = pool.map_async(square, numbers_to(10'000));
    pool.close();
    EXPECT_TRUE(pool.join());
    EXPECT_TRUE(result.ready());
    EXPECT_EQ(result.get(), squares_to(10'000));
    expect_parts(text_of<mp::ValueError>([&] { pool.apply(square, 1); }),
                 {"ThreadPool", "closed", "Submit before"});
    EXPECT_THROW(static_cast<void>(pool.imap(square, {1})), mp::ValueError);
}

TEST(ThreadPool, only_a_pool_that_ends_can_be_joined) {
    const mp::ThreadPool pool(1);
    expect_parts(text_of<mp::ValueError>([&] { pool.join(); }),
                 {"ThreadPool::join", "close() or terminate()"});
    Busy busy(pool, 1);
    pool.close();
    EXPECT_FALSE(pool.join(1ms));
    std::stop_source stop;
    std::thread stopper([&] { stop.request_stop(); });
    EXPECT_THROW(pool.join(stop.get_token()), mp::CancelledError);
    stopper.join();
    busy.open();
    EXPECT_TRUE(pool.join());
}

// conformance: pool.terminate
TEST(ThreadPool, test_terminate) {
    const mp::ThreadPool pool(3);
    std::latch begun(3);
    std::atomic<int> ended{0};
    const auto slow = [&](std::stop_token stop, int) {
        begun.count_down();
        std::latch asked(1);
        const std::stop_callback note(stop, [&] { asked.count_down(); });
        asked.wait();
        ++ended;
    };
    const auto result = pool.map_async(slow, numbers_to(10'000), 1);
    begun.wait();
    pool.terminate();
    EXPECT_EQ(ended, 3);
    EXPECT_TRUE(pool.join());
    EXPECT_THROW(result.get(), mp::CancelledError);
    expect_parts(text_of<mp::ValueError>([&] { pool.apply(square, 1); }), {"ThreadPool", "terminated"});
}

TEST(ThreadPool, its_destructor_waits_for_what_runs_and_cancels_what_is_queued) {
    std::atomic<bool> has_ended{false};
    std::optional<mp::AsyncResult<void>> running, queued;
    {
        const mp::ThreadPool pool(1);
        std::latch begun(1);
        running = pool.apply_async([&](std::stop_token stop) {
            begun.count_down();
            wait_until([&] { return stop.stop_requested(); });
            has_ended = true;
        });
        queued = pool.apply_async([] {});
        begun.wait();
    }
    EXPECT_TRUE(has_ended);
    EXPECT_THROW(running->get(), mp::CancelledError);
    EXPECT_THROW(queued->get(), mp::CancelledError);
}

TEST(ThreadPool, an_imap_ends_with_the_pool) {
    std::optional<mp::ThreadPool> pool(std::in_place, 1);
    std::latch begun(1);
    auto results = pool->imap(
        [&](std::stop_token stop, int) {
            begun.count_down();
            wait_until([&] { return stop.stop_requested(); });
        },
        std::views::iota(0, 100));
    begun.wait();
    pool.reset();
    EXPECT_THROW(static_cast<void>(results.next()), mp::CancelledError);
}

TEST(ThreadPool, a_pool_can_be_moved) {
    mp::ThreadPool pool(1);
    mp::ThreadPool other = std::move(pool);
    EXPECT_EQ(other.apply(square, 2), 4);
    other = mp::ThreadPool(2);
    EXPECT_EQ(other.stats().workers.size(), 2U);
}

TEST(ThreadPool, resize_makes_threads_and_ends_them) {
    const mp::ThreadPool pool(1);
    pool.resize(3);
    {
        std::latch all(3);
        pool.map([&](int) { all.arrive_and_wait(); }, {1, 2, 3});
    }
    pool.resize(1);
    wait_until([&] { return pool.stats().workers.size() == 1; });
    EXPECT_EQ(pool.apply(square, 2), 4);
    pool.resize(2);
    std::latch both(2);
    pool.map([&](int) { both.arrive_and_wait(); }, {1, 2});
    EXPECT_THROW(pool.resize(0), mp::ValueError);
}

TEST(ThreadPool, stats_say_what_it_is_at) {
    const mp::ThreadPool pool(2);
    EXPECT_EQ(pool.apply(square, 2), 4);
    EXPECT_THROW(pool.apply([] { throw 1; }), int);
    {
        Busy busy(pool, 2);
        const auto queued = pool.apply_async(square, 3);
        const mp::PoolStats stats = pool.stats();
        EXPECT_EQ(stats.running, 2U);
        EXPECT_EQ(stats.queued, 1U);
        EXPECT_EQ(stats.done, 2U);
        EXPECT_EQ(stats.failed, 1U);
        ASSERT_EQ(stats.workers.size(), 2U);
        EXPECT_EQ(stats.workers[0].name, "PoolWorker-1");
        EXPECT_EQ(stats.workers[0].pid, ::getpid());
        EXPECT_NE(stats.workers[0].task, "");
        EXPECT_GT(stats.workers[0].running, 0ns);
        busy.open();
        EXPECT_EQ(queued.get(), 9);
    }
    const mp::PoolStats stats = pool.stats();
    EXPECT_EQ(stats.running, 0U);
    EXPECT_EQ(stats.workers[0].done + stats.workers[1].done, 5U);
}

TEST(ThreadPool, many_threads_use_it_at_once) {
    const mp::ThreadPool pool(3);
    std::vector<std::thread> users;
    for (int user = 0; user < 4; ++user)
        users.emplace_back([&pool, user] {
            for (int i = 0; i < 300; ++i) {
                ASSERT_EQ(pool.apply(times, user, i), user * i);
                if (i % 50 == 0) {
                    ASSERT_EQ(pool.map(square, numbers_to(100)), squares_to(100));
                }
                if (i % 3 == 0) pool.apply_async(square, i).cancel();
            }
        });
    for (std::thread& user : users) user.join();
}

// ---------------------------------------------------------------- ends of processes

TEST(ThreadPool, exit_in_a_task_ends_the_program) {
    EXPECT_EXIT(
        {
            const mp::ThreadPool pool(2);
            pool.apply([] { mp::exit(7); });
        },
        testing::ExitedWithCode(7), "");
}

TEST(ThreadPool, a_pool_that_is_open_at_the_end_ends) {
    EXPECT_EXIT(
        {
            static const mp::ThreadPool pool(2);
            if (pool.apply(square, 3) != 9) ::_exit(1);
            std::exit(0);
        },
        testing::ExitedWithCode(0), "");
}

TEST(ThreadPool, a_pool_can_end_in_its_own_task) {
    auto pool = std::make_unique<mp::ThreadPool>(2);
    std::latch moved(1), ended(1);
    const auto result = pool->apply_async([&] {
        moved.wait();
        pool.reset();
        ended.count_down();
    });
    moved.count_down();
    ended.wait();
    EXPECT_THROW(result.get(), mp::CancelledError);
}

TEST(ThreadPool, a_pool_can_end_in_a_callback) {
    auto pool = std::make_unique<mp::ThreadPool>(2);
    std::latch asked(1), ended(1);
    const auto result = pool->apply_async([&] { asked.wait(); });
    result.then([&] {
        pool.reset();
        ended.count_down();
    });
    asked.count_down();
    ended.wait();
    result.get();
}

TEST(ThreadPool, a_forked_child_waits_for_no_thread_of_its_parent) {
    std::optional<mp::ThreadPool> pool(std::in_place, 2);
    EXPECT_EQ(pool->apply(square, 2), 4);
    EXPECT_EQ(in_child([&] { pool.reset(); }), 0);
    EXPECT_EQ(pool->apply(square, 3), 9);
}

}  // namespace
