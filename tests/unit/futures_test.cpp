// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

#include "support/expect.hpp"
#include "support/tasks.hpp"
#include "support/thrown.hpp"
#include "support/warnings.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;

// conformance: future.running
// conformance: future.done
// conformance: future.cancelled
TEST(Future, tells_how_far_its_task_is) {
    const mp::ProcessPoolExecutor executor(1);
    const HeldTask held(executor);
    const auto queued = executor.submit(answer);
    const DoneFutures made;
    struct Case {
        const char* what;
        mp::Future<int> future;
        bool running, done, cancelled;
    };
    for (const Case& each :
         {Case{"queued", queued, false, false, false}, Case{"running", held.future, true, false, false},
          Case{"cancelled", made.cancelled, false, true, true},
          Case{"failed", made.failed, false, true, false},
          Case{"finished", made.finished, false, true, false}}) {
        EXPECT_EQ(each.future.running(), each.running) << each.what;
        EXPECT_EQ(each.future.done(), each.done) << each.what;
        EXPECT_EQ(each.future.cancelled(), each.cancelled) << each.what;
    }
}

TEST(Future, gives_its_result_to_every_copy_again_and_again) {
    const mp::ProcessPoolExecutor executor(1);
    const std::vector copies(2, executor.submit(answer));
    EXPECT_EQ(copies[0], copies[1]);
    for (int i = 0; i < 2; ++i)
        for (const auto& each : copies) EXPECT_EQ(each.result(), 42);
    EXPECT_EQ(copies[0].exception(), nullptr);
}

std::unique_ptr<int> only_one() { return std::make_unique<int>(42); }
TEST(Future, gives_what_cannot_be_copied_once) {
    const mp::ProcessPoolExecutor executor(1);
    const auto future = executor.submit(only_one);
    EXPECT_EQ(*future.result(), 42);
    EXPECT_THROW(future.result(), mp::StateError);
}

TEST(Future, whose_task_failed_has_its_exception) {
    const mp::ProcessPoolExecutor executor(1);
    const auto future = executor.submit(fail);
    EXPECT_EQ(thrown<std::runtime_error>([&] { std::rethrow_exception(future.exception()); }),
              "the task fails");
    EXPECT_FALSE(future.cancelled());
    EXPECT_FALSE(future.cancel()) << "it is done";
}

// conformance: future.result_timeout
// conformance: future.exception_timeout
TEST(Future, is_waited_for_no_longer_than_that) {
    const mp::ProcessPoolExecutor executor(1);
    const HeldTask held(executor);
    const auto queued = executor.submit(answer);
    for (const auto& each : {held.future, queued}) {
        EXPECT_THROW(each.result(0s), mp::TimeoutError);
        EXPECT_THROW(each.exception(0s), mp::TimeoutError);
    }
    const DoneFutures made;
    EXPECT_EQ(made.finished.result(0s), 42);
    EXPECT_EQ(made.finished.exception(0s), nullptr);
    EXPECT_EQ(thrown<std::runtime_error>([&] { made.failed.result(0s); }), "the task fails");
    EXPECT_NE(made.failed.exception(0s), nullptr);
    EXPECT_THROW(made.cancelled.result(0s), mp::CancelledError);
    EXPECT_THROW(made.cancelled.exception(0s), mp::CancelledError);
    const auto begin = std::chrono::steady_clock::now();
    for (const std::string& text : {thrown<mp::TimeoutError>([&] { held.future.result(10ms); }),
                                    thrown<mp::TimeoutError>([&] { held.future.exception(10ms); })})
        EXPECT_NE(text.find("Future::result"), text.npos) << text;
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 20ms);
    std::stop_source stop;
    stop.request_stop();
    EXPECT_THROW(held.future.result(stop.get_token()), mp::CancelledError);
    EXPECT_THROW(held.future.exception(mp::forever, stop.get_token()), mp::CancelledError);
}

// conformance: future.result_set_later
TEST(Future, is_waited_for_until_its_result_comes) {
    const mp::ProcessPoolExecutor executor(1);
    const HeldTask held(executor);
    const auto end = when_this_thread_sleeps([&] { held.let_go(); });
    EXPECT_EQ(held.future.result(), 42);
}
// conformance: future.exception_set_later
TEST(Future, is_waited_for_until_its_exception_comes) {
    const mp::ProcessPoolExecutor executor(1);
    const HeldTask held(executor, fail_after);
    const auto end = when_this_thread_sleeps([&] { held.let_go(); });
    EXPECT_NE(held.future.exception(), nullptr);
}
// conformance: future.result_cancel_later
TEST(Future, is_waited_for_until_it_is_cancelled) {
    const mp::ProcessPoolExecutor executor(1);
    const HeldTask held(executor);
    const auto queued = executor.submit(answer);
    const auto end = when_this_thread_sleeps([&] { queued.cancel(); });
    EXPECT_THROW(queued.result(), mp::CancelledError);
}

// conformance: future.cancel
TEST(Future, that_is_done_is_not_cancelled) {
    const DoneFutures made;
    EXPECT_FALSE(made.finished.cancel());
    EXPECT_FALSE(made.failed.cancel());
    EXPECT_TRUE(made.cancelled.cancel());
    EXPECT_EQ(made.finished.result(), 42);
}
TEST(Future, that_is_queued_is_cancelled_at_once) {
    const mp::ProcessPoolExecutor executor(1);
    const HeldTask held(executor);
    const auto queued = executor.submit(answer);
    EXPECT_TRUE(queued.cancel());
    EXPECT_TRUE(queued.cancel()) << "again";
    EXPECT_TRUE(queued.cancelled());
    EXPECT_TRUE(queued.done());
    EXPECT_THROW(queued.result(), mp::CancelledError);
    EXPECT_THROW(queued.exception(), mp::CancelledError);
    EXPECT_FALSE(held.future.cancelled());
}

TEST(Future, that_runs_is_cancelled_with_its_worker) {
    const mp::ProcessPoolExecutor executor(1);
    const HeldTask held(executor);
    const auto queued = executor.submit(answer);
    EXPECT_TRUE(held.future.cancel());
    EXPECT_TRUE(held.future.cancelled());
    EXPECT_THROW(held.future.result(), mp::CancelledError);
    EXPECT_EQ(queued.result(), 42);
}

int stop_when_asked(std::stop_token stop, const mp::Event& begun) {
    mp::Event never;
    begun.set();
    try {
        never.wait(stop);
    } catch (const mp::CancelledError&) {
    }
    return 1;
}
TEST(Future, that_runs_is_cancelled_by_its_stop_token_first) {
    const mp::ProcessPoolExecutor executor(1, {.grace = 1h});
    const mp::Event begun;
    const auto future = executor.submit(stop_when_asked, begun);
    begun.wait();
    const int worker = workers_of(executor, 1)[0].pid();
    EXPECT_TRUE(future.cancel());
    EXPECT_THROW(future.result(), mp::CancelledError);
    EXPECT_EQ(executor.submit(answer).result(), 42);
    EXPECT_EQ(workers_of(executor, 1)[0].pid(), worker) << "it did not have to be ended";
}

// ---------------------------------------------------------------- callbacks

// conformance: future.callback_result
// conformance: future.callback_exception
TEST(Future, calls_back_once_it_is_done) {
    std::vector<std::string> called;
    const auto note = [&](const mp::Future<int>& f) {
        called.emplace_back(f.cancelled() ? "cancelled" : f.exception() ? "failed" : "finished");
    };
    {
        const mp::ProcessPoolExecutor executor(1);
        const HeldTask held(executor);
        const auto cancelled = executor.submit(answer), failing = executor.submit(fail);
        for (const auto& each : {held.future, cancelled, failing}) each.add_done_callback(note);
        cancelled.cancel();
    }
    EXPECT_EQ(called, (std::vector<std::string>{"cancelled", "finished", "failed"}));
}

// conformance: future.callback_after_result
// conformance: future.callback_after_exception
// conformance: future.callback_after_cancel
TEST(Future, that_is_done_calls_back_at_once) {
    const DoneFutures made;
    mp::Queue<int> called;
    made.finished.add_done_callback([&](const mp::Future<int>& f) { called.put(f.result()); });
    EXPECT_EQ(called.get(), 42);
    made.failed.add_done_callback([&](const mp::Future<int>& f) { called.put(f.exception() ? 1 : 0); });
    EXPECT_EQ(called.get(), 1);
    made.cancelled.add_done_callback(
        [&](const mp::Future<int>& f) { called.put(f.cancelled() ? 2 : 0); });
    EXPECT_EQ(called.get(), 2);
}

// conformance: future.callback_raises
// conformance: future.callback_raises_late
TEST(Future, logs_what_a_callback_throws_and_calls_the_next) {
    const Warnings warnings;
    bool called = false;
    {
        const mp::ProcessPoolExecutor executor(1);
        const HeldTask held(executor);
        held.future.add_done_callback([](const auto&) { throw std::runtime_error("doh!"); });
        held.let_go();
        EXPECT_EQ(held.future.result(), 42);
        held.future.add_done_callback([](const auto&) { throw std::runtime_error("too late!"); });
        held.future.add_done_callback([&](const auto&) { called = true; });
    }
    EXPECT_TRUE(called);
    expect_in_order(warnings.text(), {"callback", "doh!", "callback", "too late!"});
}

TEST(Future, that_nobody_fetches_has_its_exception_logged) {
    const Warnings warnings;
    {
        const mp::ProcessPoolExecutor executor(1);
        static_cast<void>(executor.submit(fail));
    }
    EXPECT_NE(warnings.text().find("the task fails"), std::string::npos) << warnings.text();
}

// conformance: future.print
TEST(Future, prints_its_state) {
    const mp::ProcessPoolExecutor executor(1);
    const HeldTask held(executor);
    const DoneFutures made;
    EXPECT_EQ(fmt::format("{}", executor.submit(answer)), "<Future(pending)>");
    EXPECT_EQ(fmt::format("{}", held.future), "<Future(running)>");
    EXPECT_EQ(fmt::format("{}", made.cancelled), "<Future(cancelled)>");
    EXPECT_EQ(fmt::format("{}", made.finished), "<Future(finished, returned int)>");
    const mp::Promise<int> promise;
    promise.set_exception(std::system_error(ENOENT, std::generic_category()));
    EXPECT_EQ(fmt::format("{}", promise.get_future()), "<Future(finished, raised std::system_error)>");
}

// conformance: future.set_result_twice
TEST(Promise, keeps_the_first_result) {
    const mp::Promise<int> promise;
    promise.set_result(1);
    expect_parts(thrown<mp::StateError>([&] { promise.set_result(2); }), {"finished, returned int"});
    EXPECT_EQ(promise.get_future().result(), 1);
}

// conformance: future.set_exception_twice
TEST(Promise, keeps_the_first_exception) {
    const mp::Promise<int> promise;
    promise.set_exception(mp::ValueError("first"));
    expect_parts(thrown<mp::StateError>([&] { promise.set_exception(std::runtime_error("second")); }),
                 {"finished, raised procession::ValueError"});
    EXPECT_EQ(thrown<mp::ValueError>([&] { promise.get_future().result(); }), "first");
}

TEST(Promise, of_nothing_calls_back_and_can_be_cancelled) {
    int calls = 0;
    const mp::Promise<void> promise, cancelled;
    promise.get_future().add_done_callback([&](const mp::Future<void>&) { ++calls; });
    promise.set_result();
    EXPECT_EQ(calls, 1);
    promise.get_future().result();
    EXPECT_TRUE(cancelled.get_future().cancel());
    EXPECT_TRUE(cancelled.get_future().cancelled());
    EXPECT_THROW(cancelled.get_future().result(), mp::CancelledError);
    expect_parts(thrown<mp::StateError>([&] { cancelled.set_result(); }), {"cancelled"});
}

}  // namespace
