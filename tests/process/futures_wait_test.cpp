// SPDX-License-Identifier: Apache-2.0

// Waiting for several futures.

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <chrono>
#include <stop_token>
#include <vector>

#include "support/start_methods.hpp"
#include "support/tasks.hpp"
#include "support/thrown.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;
using enum mp::ReturnWhen;
using Futures = std::vector<mp::Future<int>>;

class WaitForFutures : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, WaitForFutures, all_start_methods(), name_of_parameter);

// conformance: executor.wait_duplicates
TEST_P(WaitForFutures, counts_each_once) {
    const mp::ProcessPoolExecutor executor(1);
    const auto future = executor.submit(answer);
    const auto [done, not_done] = mp::wait(Futures{future, future}, mp::forever, all_completed);
    EXPECT_TRUE(are(done, {future}));
    EXPECT_TRUE(not_done.empty());
}

// conformance: executor.wait_first_completed
TEST_P(WaitForFutures, until_the_first_is_done) {
    const mp::ProcessPoolExecutor executor(2);
    const HeldTask quick(executor), slow(executor);
    const CancelledButNotDone cancelled;
    ASSERT_TRUE(cancelled.future.cancelled());
    const auto end = when_this_thread_sleeps([&] { quick.let_go(); });
    const auto [done, not_done] =
        mp::wait(Futures{cancelled.future, quick.future, slow.future}, mp::forever, first_completed);
    EXPECT_TRUE(are(done, {quick.future}));
    EXPECT_TRUE(are(not_done, {cancelled.future, slow.future}));
}
// conformance: executor.wait_first_completed_already
TEST_P(WaitForFutures, until_the_first_is_done_when_some_are) {
    const DoneFutures made;
    const mp::ProcessPoolExecutor executor(1);
    const HeldTask slow(executor);
    const auto [done, not_done] =
        mp::wait(Futures{made.cancelled, made.finished, slow.future}, mp::forever, first_completed);
    EXPECT_TRUE(are(done, {made.cancelled, made.finished}));
    EXPECT_TRUE(are(not_done, {slow.future}));
}

// conformance: executor.wait_first_exception
TEST_P(WaitForFutures, until_the_first_has_thrown) {
    const mp::ProcessPoolExecutor executor(2);
    const HeldTask slow(executor);
    const auto quick = executor.submit(answer);
    const HeldTask failing(executor, fail_after);
    const auto end = when_this_thread_sleeps([&] { failing.let_go(); });
    const auto [done, not_done] =
        mp::wait(Futures{quick, failing.future, slow.future}, mp::forever, first_exception);
    EXPECT_TRUE(are(done, {quick, failing.future}));
    EXPECT_TRUE(are(not_done, {slow.future}));
}
// conformance: executor.wait_first_exception_some_done
TEST_P(WaitForFutures, until_the_first_has_thrown_when_some_are_done) {
    const DoneFutures made;
    const CancelledButNotDone cancelled;
    const mp::ProcessPoolExecutor executor(2);
    const HeldTask failing(executor, fail_after), slow(executor);
    const auto end = when_this_thread_sleeps([&] { failing.let_go(); });
    const auto [done, not_done] =
        mp::wait(Futures{made.finished, made.cancelled, cancelled.future, failing.future, slow.future},
                 mp::forever, first_exception);
    EXPECT_TRUE(are(done, {made.finished, made.cancelled, failing.future}));
    EXPECT_TRUE(are(not_done, {cancelled.future, slow.future}));
}
// conformance: executor.wait_first_exception_already
TEST_P(WaitForFutures, not_at_all_when_one_has_thrown) {
    const DoneFutures made;
    const mp::ProcessPoolExecutor executor(1);
    const HeldTask slow(executor);
    const auto [done, not_done] =
        mp::wait(Futures{made.failed, slow.future}, mp::forever, first_exception);
    EXPECT_TRUE(are(done, {made.failed}));
    EXPECT_TRUE(are(not_done, {slow.future}));
}

// conformance: executor.wait_all_completed
TEST_P(WaitForFutures, until_all_are_done) {
    const DoneFutures made;
    const mp::ProcessPoolExecutor executor(2);
    const HeldTask failing(executor, fail_after), slow(executor);
    const auto end = when_this_thread_sleeps([&] {
        failing.let_go();
        slow.let_go();
    });
    const Futures all{made.finished, made.cancelled, made.failed, failing.future, slow.future};
    const auto [done, not_done] = mp::wait(all, mp::forever, all_completed);
    EXPECT_EQ(done, all);
    EXPECT_TRUE(not_done.empty());
}

// conformance: executor.wait_timeout
TEST_P(WaitForFutures, no_longer_than_that) {
    const DoneFutures made;
    const mp::ProcessPoolExecutor executor(1);
    const HeldTask slow(executor);
    const auto begin = std::chrono::steady_clock::now();
    const auto [done, not_done] =
        mp::wait(Futures{made.cancelled, made.failed, made.finished, slow.future}, 50ms, all_completed);
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 50ms);
    EXPECT_TRUE(are(done, {made.cancelled, made.failed, made.finished}));
    EXPECT_TRUE(are(not_done, {slow.future}));
}

TEST_P(WaitForFutures, until_told_to_stop) {
    const mp::ProcessPoolExecutor executor(1);
    const HeldTask slow(executor);
    std::stop_source stop;
    const auto end = when_this_thread_sleeps([&] { stop.request_stop(); });
    const std::string text = thrown<mp::CancelledError>([&] {
        static_cast<void>(mp::wait(Futures{slow.future}, mp::forever, all_completed, stop.get_token()));
    });
    EXPECT_NE(text.find("the wait was stopped"), text.npos) << text;
}

}  // namespace
