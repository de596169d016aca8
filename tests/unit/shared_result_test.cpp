// SPDX-License-Identifier: Apache-2.0

// Results and futures in other processes than the one that submitted the task.

#include <gtest/gtest.h>
#include <signal.h>
#include <procession/coroutine.hpp>
#include <procession/mp.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "support/expect.hpp"
#include "support/start_methods.hpp"
#include "support/tasks.hpp"
#include "support/thrown.hpp"
#include "support/warnings.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;

void skip_where_children_have_no_threads([[maybe_unused]] mp::StartMethod method) {
#ifdef __SANITIZE_THREAD__
    if (method == mp::StartMethod::fork)
        GTEST_SKIP() << "the thread sanitizer allows no threads in a child that a process with threads "
                        "has forked";
#endif
}

class SharedResult : public EachStartMethod {
  protected:
    void SetUp() override {
        EachStartMethod::SetUp();
        skip_where_children_have_no_threads(GetParam());
    }
};
INSTANTIATE_TEST_SUITE_P(EveryMethod, SharedResult, all_start_methods(), name_of_parameter);

/// What comes of it, in words.
template <class R>
std::string outcome_of(const R& result) {
    try {
        return std::to_string(
            mp::wait(std::vector{result}).done.empty() ? 0 : procession::detail::value_of(result));
    } catch (const mp::CancelledError& error) {
        return std::string("cancelled: ") + error.what();
    } catch (const std::exception& error) {
        return error.what();
    }
}
void tell(const mp::Future<int>& future, mp::Queue<std::string> out) { out.put(outcome_of(future)); }
void tell_of_result(mp::AsyncResult<int> result, mp::Queue<std::string> out) {
    out.put(outcome_of(result));
}

/// A process that was given something, and its end.
template <class... A>
mp::Process started(A&&... arguments) {
    mp::Process process(std::forward<A>(arguments)...);
    process.start();
    return process;
}

// ---------------------------------------------------------------- ways to have it

TEST_P(SharedResult, is_had_by_a_process_that_gets_it_as_an_argument) {
    const mp::ProcessPoolExecutor executor(1);
    const HeldTask held(executor);
    const mp::Queue<std::string> out;
    auto process = started(tell, held.future, out);
    held.let_go();
    EXPECT_EQ(out.get(), "42");
    EXPECT_EQ(held.future.result(), 42);
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
}

TEST_P(SharedResult, that_is_there_already_comes_as_well) {
    const mp::Pool pool(1);
    const mp::AsyncResult<int> result = pool.apply_async(answer);
    EXPECT_EQ(result.get(), 42);
    const mp::Queue<std::string> out;
    run(tell_of_result, result, out);
    EXPECT_EQ(out.get(), "42");
}

void tell_of_all(std::vector<mp::Future<int>> futures, mp::Queue<std::string> out) {
    for (const auto& each : futures) tell(each, out);
}
TEST_P(SharedResult, comes_in_a_container) {
    const mp::ProcessPoolExecutor executor(1);
    const HeldTask held(executor);
    const mp::Queue<std::string> out;
    auto process = started(tell_of_all, std::vector(2, held.future), out);
    held.let_go();
    EXPECT_EQ(out.get(), "42");
    EXPECT_EQ(out.get(), "42");
    process.join();
}

struct Order {
    std::string name;
    std::map<std::string, mp::AsyncResult<int>> results;
};
void tell_of_orders(mp::Queue<Order> orders, mp::Queue<std::string> out) {
    const Order order = orders.get();
    for (const auto& [name, result] : order.results) out.put(order.name + name + outcome_of(result));
}
TEST_P(SharedResult, comes_in_messages) {
    const mp::Pool pool(1);
    const Gate gate;
    const mp::AsyncResult<int> result = pool.apply_async(wait_at, gate);
    const mp::Queue<Order> orders;
    const mp::Queue<std::string> out;
    auto process = started(tell_of_orders, orders, out);
    orders.put({"of ", {{"one ", result}, {"two ", result}}});
    gate.open.set();
    EXPECT_EQ(out.get(), "of one 42");
    EXPECT_EQ(out.get(), "of two 42");
    process.join();
}

void send_back(mp::Connection end) {
    end.send(end.recv<mp::Future<int>>());
    end.send(end.recv<mp::Future<int>>() == end.recv<mp::Future<int>>());
}
TEST_P(SharedResult, is_the_same_wherever_it_comes_from) {
    auto [here, there] = mp::Pipe();
    auto process = started(send_back, std::move(there));
    const mp::Promise<int> promise;
    here.send(promise.get_future());
    EXPECT_EQ(here.recv<mp::Future<int>>(), promise.get_future());
    here.send(promise.get_future());
    here.send(promise.get_future());
    EXPECT_TRUE(here.recv<bool>());
    process.join();
}

mp::Future<int> pass(mp::Future<int> future) { return future; }
TEST_P(SharedResult, comes_back_when_its_own_process_has_no_copy_any_more) {
    const mp::Pool pool(1);
    const mp::Queue<mp::Future<int>> queue;
    {
        const mp::Promise<int> promise;
        queue.put(pool.apply(pass, promise.get_future()));
        promise.set_result(42);
    }
    EXPECT_EQ(queue.get().result(), 42);
}

int result_plus_one(const mp::AsyncResult<int>& result) { return result.get() + 1; }
TEST_P(SharedResult, is_an_argument_of_another_pools_task) {
    const mp::Pool first(1), second(2);
    const Gate gate;
    const auto result = first.apply_async(wait_at, gate);
    const auto sums = second.map_async(result_plus_one, std::vector(3, result));
    gate.open.set();
    EXPECT_EQ(sums.get(), (std::vector{43, 43, 43}));
}

mp::Future<int> set_by_a_thread() {
    const mp::Promise<int> promise;
    std::thread([promise] { promise.set_result(42); }).detach();
    return promise.get_future();
}
TEST_P(SharedResult, is_a_tasks_result) {
    const mp::Pool pool(1);
    const mp::AsyncResult<mp::Future<int>> result = pool.apply_async(set_by_a_thread);
    EXPECT_EQ(result.get().result(), 42);
}

TEST_P(SharedResult, may_be_any_of_a_pool_of_threads) {
    const mp::ThreadPool pool(1);
    const mp::Event go;
    const mp::AsyncResult<int> result = pool.apply_async([go] {
        go.wait();
        return 42;
    });
    const mp::Queue<std::string> out;
    auto process = started(tell_of_result, result, out);
    go.set();
    EXPECT_EQ(out.get(), "42");
    process.join();
}

// ---------------------------------------------------------------- what comes

void nothing() {}
void tell_that_it_came(mp::AsyncResult<void> result, mp::Queue<std::string> out) {
    result.get();
    out.put("came");
}
TEST_P(SharedResult, may_be_of_no_value) {
    const mp::Pool pool(1);
    const mp::Queue<std::string> out;
    run(tell_that_it_came, pool.apply_async(nothing), out);
    EXPECT_EQ(out.get(), "came");
}

std::string long_text(int number) { return std::string(100'000, static_cast<char>('a' + number)); }
void tell_lengths(mp::AsyncResult<std::vector<std::string>> texts, mp::Queue<std::string> out) {
    for (int i = 0; i < 2; ++i)
        for (const std::string& each : texts.get()) out.put(std::to_string(each.size()) + each[0]);
}
TEST_P(SharedResult, may_be_long_and_of_many_items) {
    const mp::Pool pool(2);
    const mp::Queue<std::string> out;
    run(tell_lengths, pool.map_async(long_text, {0, 1}), out);
    for (const char* const length : {"100000a", "100000b", "100000a", "100000b"})
        EXPECT_EQ(out.get(), length);
}

mp::Queue<int> queue_with(int number) {
    const mp::Queue<int> queue;
    queue.put(number);
    return queue;
}
void tell_what_is_in_it(mp::AsyncResult<mp::Queue<int>> result, mp::Queue<std::string> out) {
    out.put(std::to_string(result.get().get()));
}
TEST_P(SharedResult, may_be_a_handle_which_lives_as_long) {
    const mp::Queue<std::string> out;
    mp::Process process;
    {
        const mp::Pool pool(1);
        const auto result = pool.apply_async(queue_with, 42);
        result.wait();
        process = started(tell_what_is_in_it, result, out);
    }
    EXPECT_EQ(out.get(), "42");
    process.join();
}

std::unique_ptr<int> only_one() { return std::make_unique<int>(42); }
void take_twice(mp::Future<std::unique_ptr<int>> future, mp::Queue<std::string> out) {
    out.put(std::to_string(*future.result()));
    out.put(thrown<mp::StateError>([&] { future.result(); }));
}
TEST_P(SharedResult, that_cannot_be_copied_is_given_once_in_each_process) {
    const mp::ProcessPoolExecutor executor(1);
    const auto future = executor.submit(only_one);
    future.exception();
    const mp::Queue<std::string> out;
    for (int i = 0; i < 2; ++i) {
        run(take_twice, future, out);
        EXPECT_EQ(out.get(), "42");
        expect_parts(out.get(), {"cannot be copied"});
    }
    EXPECT_EQ(*future.result(), 42);
    run(take_twice, future, out);
    EXPECT_EQ(out.get(), "42") << "others have got it already";
}

void tell_why_not(mp::Future<std::unique_ptr<int>> future, mp::Queue<std::string> out) {
    out.put(thrown<mp::StateError>([&] { future.result(); }));
}
TEST_P(SharedResult, that_was_moved_out_before_it_was_sent_is_had_by_nobody) {
    const mp::ProcessPoolExecutor executor(1);
    const auto future = executor.submit(only_one);
    EXPECT_EQ(*future.result(), 42);
    const mp::Queue<std::string> out;
    run(tell_why_not, future, out);
    expect_parts(out.get(), {"was moved out before"});
}

void tell_what_is_wrong(mp::Future<mp::Connection> future, mp::Queue<std::string> out) {
    out.put(thrown<mp::SerializationError>([&] { future.result(); }));
}
TEST_P(SharedResult, does_not_give_an_end_of_a_connection_to_several) {
    const mp::Promise<mp::Connection> promise;
    auto [one, other] = mp::Pipe();
    promise.set_result(std::move(one));
    const mp::Queue<std::string> out;
    run(tell_what_is_wrong, promise.get_future(), out);
    expect_parts(out.get(), {"AsyncResult", "an end of a connection", "Send the value itself"});
    mp::Connection end = promise.get_future().result();
    end.send(42);
    EXPECT_EQ(other.recv<int>(), 42);
}

int fail_badly() { throw mp::ValueError("a task's own"); }
void tell_of_exception(mp::Future<int> future, mp::Queue<std::string> out) {
    out.put(thrown<mp::ValueError>([&] { future.result(); }));
    out.put(future.to_string());
}
TEST_P(SharedResult, throws_what_the_task_threw) {
    const mp::ProcessPoolExecutor executor(1);
    const mp::Queue<std::string> out;
    run(tell_of_exception, executor.submit(fail_badly), out);
    EXPECT_EQ(out.get(), "a task's own");
    EXPECT_EQ(out.get(), "<Future(finished, raised procession::ValueError)>");
}

TEST(SharedResultLog, says_nothing_of_an_exception_that_was_sent) {
    const Warnings warnings;
    {
        const mp::ProcessPoolExecutor executor(1);
        const mp::Queue<mp::Future<int>> queue;
        const auto future = executor.submit(fail_badly);
        mp::wait(std::vector{future});
        queue.put(future);
    }
    EXPECT_EQ(warnings.text(), "");
}

void tell_what_is_logged(mp::Queue<mp::Future<int>> futures, mp::Queue<std::string> out) {
    const Warnings warnings;
    mp::wait(std::vector{futures.get()});
    out.put(warnings.text());
}
TEST_P(SharedResult, whose_exception_is_not_fetched_where_it_came_is_logged_there) {
    const mp::Promise<int> promise;
    promise.set_exception(mp::ValueError("nobody's"));
    const mp::Queue<mp::Future<int>> futures;
    futures.put(promise.get_future());
    const mp::Queue<std::string> out;
    run(tell_what_is_logged, futures, out);
    expect_parts(out.get(), {"nobody fetched", "nobody's"});
}

void tell_if_cancelled(mp::Future<int> future, mp::Queue<std::string> out) {
    tell(future, out);
    out.put(future.to_string());
}
TEST_P(SharedResult, that_is_cancelled_is_so_everywhere) {
    const mp::ProcessPoolExecutor executor(1);
    const HeldTask before(executor);
    const auto future = executor.submit(answer);
    const mp::Queue<std::string> out;
    auto process = started(tell_if_cancelled, future, out);
    EXPECT_TRUE(future.cancel());
    expect_parts(out.get(), {"cancelled: ", "the task was cancelled"});
    EXPECT_EQ(out.get(), "<Future(cancelled)>");
    process.join();
}

TEST_P(SharedResult, is_cancelled_by_the_end_of_its_pool) {
    const mp::Queue<std::string> out;
    const Gate gate;
    mp::Process process;
    {
        const mp::Pool pool(1);
        process = started(tell_of_result, pool.apply_async(wait_at, gate), out);
        gate.reached.wait();
    }
    expect_parts(out.get(), {"cancelled: ", "the task was cancelled"});
    process.join();
}

// ---------------------------------------------------------------- what can be done with it

void try_all(mp::Future<int> future, mp::Queue<std::string> out, mp::Event go) {
    EXPECT_FALSE(future.done());
    EXPECT_FALSE(future.running());
    EXPECT_FALSE(future.cancel());
    EXPECT_EQ(future.to_string(), "<Future(pending)>");
    EXPECT_THROW(future.result(1ms), mp::TimeoutError);
    std::stop_source stop;
    {
        const auto stopper = when_this_thread_sleeps([&] { stop.request_stop(); });
        EXPECT_THROW(future.result(stop.get_token()), mp::CancelledError);
    }
    EXPECT_TRUE(mp::wait(std::vector{future}, 1ms).done.empty());
    go.set();
    EXPECT_EQ(future.result(), 42);
    EXPECT_TRUE(future.done());
    EXPECT_FALSE(future.cancel());
    EXPECT_EQ(future.exception(), nullptr);
    EXPECT_EQ(future.to_string(), "<Future(finished, returned int)>");
    out.put(testing::Test::HasFailure() ? "failed" : "passed");
}
TEST_P(SharedResult, is_waited_for_and_looked_at_but_not_cancelled) {
    const mp::ProcessPoolExecutor executor(1);
    const HeldTask held(executor);
    const mp::Queue<std::string> out;
    const mp::Event go;
    auto process = started(try_all, held.future, out, go);
    go.wait();
    held.let_go();
    EXPECT_EQ(out.get(), "passed");
    process.join();
}

void be_called_back(mp::AsyncResult<int> result, mp::Future<int> future, mp::Queue<std::string> out,
                    mp::Event go) {
    result.then([out](int value) { out.put("then " + std::to_string(value)); });
    future.add_done_callback(
        [out](const mp::Future<int>& done) { out.put("done " + done.to_string()); });
    go.set();
    EXPECT_EQ(result.get(), 42);
    out.put("got");
    mp::wait(std::vector{future});
    mp::Event last;
    result.then([last](int) { last.set(); });
    future.add_done_callback([out, last](const auto&) {
        last.wait();
        out.put("afterwards");
    });
    last.wait();
    while (!out.empty()) std::this_thread::yield();
}
TEST_P(SharedResult, calls_back_where_it_was_received) {
    const mp::Pool pool(1);
    const Gate gate;
    const auto result = pool.apply_async(wait_at, gate);
    const mp::Promise<int> promise;
    const mp::Queue<std::string> out;
    const mp::Event go;
    auto process = started(be_called_back, result, promise.get_future(), out, go);
    go.wait();
    gate.open.set();
    EXPECT_EQ(out.get(), "then 42");
    EXPECT_EQ(out.get(), "got") << "who waits goes on after the callback";
    promise.set_result(7);
    EXPECT_EQ(out.get(), "done <Future(finished, returned int)>");
    EXPECT_EQ(out.get(), "afterwards");
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
}

void fail_back(mp::AsyncResult<int> result, mp::Queue<std::string> out) {
    mp::Event done;
    result.then([](int) {},
                [&](const std::exception_ptr& error) {
                    out.put(thrown<std::runtime_error>([&] { std::rethrow_exception(error); }));
                    done.set();
                });
    done.wait();
}
TEST_P(SharedResult, calls_back_with_an_exception) {
    const mp::Pool pool(1);
    const Gate gate;
    const auto result = pool.apply_async(fail_after, gate);
    const mp::Queue<std::string> out;
    auto process = started(fail_back, result, out);
    gate.open.set();
    EXPECT_EQ(out.get(), "the task fails");
    process.join();
    EXPECT_THROW(result.get(), std::runtime_error);
}

void take_as_completed(std::vector<mp::Future<int>> futures, mp::Queue<int> out) {
    for (const auto& each : mp::as_completed(futures)) out.put(each.result());
    out.put(static_cast<int>(mp::wait(futures).done.size()));
}
TEST_P(SharedResult, is_one_of_many_that_are_taken_as_they_are_done) {
    constexpr int count = 300;
    std::vector<mp::Promise<int>> promises(count);
    std::vector<mp::Future<int>> futures;
    for (const auto& each : promises) futures.push_back(each.get_future());
    const mp::Queue<int> out;
    auto process = started(take_as_completed, futures, out);
    for (int i = count; i-- > 0;) {
        promises[static_cast<std::size_t>(i)].set_result(i);
        EXPECT_EQ(out.get(), i);
    }
    EXPECT_EQ(out.get(), count);
    process.join();
}

mp::Task<int> sum_of(mp::Future<int> one, mp::AsyncResult<int> other) {
    co_return co_await one + co_await other;
}
void add(mp::Future<int> one, mp::AsyncResult<int> other, mp::Queue<int> out) {
    out.put(mp::run(sum_of(one, other)));
}
TEST_P(SharedResult, is_awaited_by_a_coroutine) {
    const mp::Pool pool(1);
    const Gate gate;
    const auto result = pool.apply_async(wait_at, gate);
    const mp::Promise<int> promise;
    const mp::Queue<int> out;
    auto process = started(add, promise.get_future(), result, out);
    promise.set_result(1);
    gate.open.set();
    EXPECT_EQ(out.get(), 43);
    process.join();
}

// ---------------------------------------------------------------- whose process ends

void make_promise(mp::Queue<mp::Future<int>> out, mp::Event go, bool is_killed) {
    const mp::Promise<int> promise;
    out.put(promise.get_future());
    go.wait();
    if (is_killed) ::raise(SIGKILL);
    mp::exit(3);
}
TEST_P(SharedResult, whose_process_is_killed_is_cancelled_and_says_so) {
    const mp::Queue<mp::Future<int>> futures;
    const mp::Event go;
    auto process = started(mp::ProcessOptions{.name = "maker"}, make_promise, futures, go, true);
    const mp::Future<int> future = futures.get();
    std::string told;
    {
        const auto killer = when_this_thread_sleeps([&] { go.set(); });
        told = thrown<mp::CancelledError>([&] { future.result(); });
    }
    expect_parts(told, {"AsyncResult", "process \"maker\" (pid", "was killed", "before there was one"});
    EXPECT_TRUE(future.cancelled());
    EXPECT_EQ(future.to_string(), "<Future(cancelled)>");
    process.join();
    EXPECT_EQ(thrown<mp::CancelledError>([&] { future.result(); }), told);
}

TEST_P(SharedResult, whose_process_ends_without_it_is_cancelled) {
    const mp::Queue<mp::Future<int>> futures;
    const mp::Event go;
    auto process = started(mp::ProcessOptions{.name = "maker"}, make_promise, futures, go, false);
    const mp::Future<int> future = futures.get();
    go.set();
    expect_parts(thrown<mp::CancelledError>([&] { future.result(); }),
                 {"process \"maker\"", "gave it up before there was one"});
    process.join();
}

TEST_P(SharedResult, calls_back_when_its_process_is_killed) {
    const mp::Event go[2], called[2];
    std::vector<mp::Process> makers;
    std::vector<mp::Future<int>> received;
    for (int i : {0, 1}) {
        const mp::Queue<mp::Future<int>> futures;
        makers.push_back(started(make_promise, futures, go[i], true));
        received.push_back(futures.get());
        received[i].add_done_callback([event = called[i]](const mp::Future<int>&) { event.set(); });
    }
    for (int i : {1, 0}) {
        EXPECT_FALSE(called[i].is_set());
        go[i].set();
        called[i].wait();
        EXPECT_TRUE(received[i].cancelled());
        makers[i].join();
    }
}

TEST_P(SharedResult, that_nobody_can_bring_any_more_is_cancelled) {
    const mp::Queue<std::string> out;
    mp::Process process;
    {
        const mp::Promise<int> promise;
        process = started(tell, promise.get_future(), out);
    }
    expect_parts(out.get(), {"cancelled: ", "AsyncResult: process \"MainProcess\"", "gave it up"});
    process.join();
}

void wait_until_killed(mp::Future<int> future, mp::Event begun) {
    begun.set();
    static_cast<void>(future.result());
}
TEST_P(SharedResult, is_the_others_still_when_one_who_waits_is_killed) {
    const mp::Promise<int> promise;
    const mp::Event begun;
    const mp::Queue<std::string> out;
    auto killed = started(wait_until_killed, promise.get_future(), begun);
    auto other = started(tell, promise.get_future(), out);
    begun.wait();
    killed.kill();
    killed.join();
    promise.set_result(42);
    EXPECT_EQ(out.get(), "42");
    other.join();
}

// ---------------------------------------------------------------- no result

TEST(NoResult, says_that_there_is_none_yet) {
    const mp::AsyncResult<int> result;
    const mp::Future<int> future;
    expect_parts(thrown<mp::StateError>([&] { result.get(); }),
                 {"there is none yet", "Assign one to it"});
    EXPECT_THROW(future.result(), mp::StateError);
    EXPECT_THROW(mp::Queue<mp::Future<int>>().put(future), mp::StateError);
    EXPECT_EQ(future, mp::Future<int>());
    EXPECT_NE(future, mp::Promise<int>().get_future());
}

TEST(NoResult, is_left_by_no_move) {
    const mp::Promise<int> promise;
    mp::Future<int> future = promise.get_future();
    const mp::Future<int> moved = std::move(future);
    EXPECT_EQ(future, moved);  // NOLINT(bugprone-use-after-move)
    static_assert(std::is_nothrow_move_constructible_v<mp::Future<int>>);
    static_assert(std::is_nothrow_copy_assignable_v<mp::AsyncResult<int>>);
}

TEST(NoResult, is_made_of_another_object) {
    const mp::Event event;
    procession::detail::Buffer buffer;
    procession::detail::save_message(buffer, event);
    expect_parts(thrown<mp::TypeMismatch>(
                     [&] { procession::detail::load_message<mp::Future<int>>(buffer.bytes()); }),
                 {"AsyncResult", "another kind of object"});
}

TEST(NoResult, is_made_of_a_result_of_another_type) {
    const mp::Promise<int> promise;
    procession::detail::Buffer buffer;
    procession::detail::save_message(buffer, promise.get_future());
    expect_parts(thrown<mp::TypeMismatch>([&] {
                     procession::detail::load_message<mp::AsyncResult<std::string>>(buffer.bytes());
                 }),
                 {"AsyncResult<std::", "of another type"});
}

TEST(NoResult, leaves_the_program) {
    expect_parts(thrown<mp::SerializationError>(
                     [] { static_cast<void>(mp::pickle::dumps(mp::Promise<int>().get_future())); }),
                 {"procession::Future<int>"});
}

struct Unsendable {
    int* pointer;
};
static_assert(!procession::detail::Sendable<mp::Future<std::mutex>>);
static_assert(procession::detail::Sendable<mp::Future<void>>);
TEST(NoResult, need_be_sent_to_be_of_a_type_that_cannot_be) {
    const mp::ThreadPool pool(1);
    int number = 42;
    EXPECT_EQ(pool.apply([&] { return Unsendable{&number}; }).pointer, &number);
}

// ---------------------------------------------------------------- after a fork

class ResultAfterFork : public testing::Test {
  protected:
    void SetUp() override {
        mp::set_start_method(mp::StartMethod::fork, true);
        skip_where_children_have_no_threads(mp::StartMethod::fork);
    }
};

TEST_F(ResultAfterFork, that_is_not_an_argument_is_had_if_it_was_done) {
    const mp::Promise<int> done, pending;
    done.set_result(42);
    const mp::Queue<std::string> out;
    auto process = started([out, one = done.get_future(), other = pending.get_future()] {
        out.put(outcome_of(one));
        out.put(thrown<mp::StateError>([&] { other.result(); }));
    });
    EXPECT_EQ(out.get(), "42");
    expect_parts(out.get(), {"AsyncResult", "forked", "Pass it as an argument"});
    process.join();
}

TEST_F(ResultAfterFork, that_was_sent_before_is_had_in_any_way) {
    const mp::Promise<int> promise;
    const mp::Queue<mp::Future<int>> queue;
    const mp::Queue<std::string> out;
    queue.put(promise.get_future());
    auto process = started([out, queue, future = promise.get_future()] {
        const bool same = future == queue.get();
        out.put(outcome_of(future) + (same ? ", the same" : ", another"));
    });
    promise.set_result(42);
    EXPECT_EQ(out.get(), "42, the same");
    process.join();
}

TEST_F(ResultAfterFork, that_a_copy_of_its_promise_sets_is_nobodys) {
    const mp::Promise<int> promise;
    const mp::Queue<std::string> out;
    auto receiver = started(tell, promise.get_future(), out);
    auto copy = started([promise] { promise.set_result(1); });
    copy.join();
    EXPECT_EQ(copy.exitcode(), 0);
    promise.set_result(2);
    EXPECT_EQ(out.get(), "2");
    receiver.join();
}

void pass_on(mp::Future<int> future, mp::Queue<std::string> out) { run(tell, future, out); }
TEST_P(SharedResult, goes_on_to_a_grandchild) {
    const mp::Promise<int> promise;
    const mp::Queue<std::string> out;
    auto process = started(pass_on, promise.get_future(), out);
    promise.set_result(42);
    EXPECT_EQ(out.get(), "42");
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
}

}  // namespace
