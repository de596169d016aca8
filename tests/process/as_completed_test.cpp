// SPDX-License-Identifier: Apache-2.0

// Several futures, each as it is done.

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <utility>
#include <vector>

#include "support/start_methods.hpp"
#include "support/tasks.hpp"
#include "support/thrown.hpp"
#include "support/waiting.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;
using Futures = std::vector<mp::Future<int>>;

class AsCompleted : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, AsCompleted, all_start_methods(), name_of_parameter);

// conformance: executor.as_completed
TEST_P(AsCompleted, gives_each_once) {
    const DoneFutures made;
    const mp::ProcessPoolExecutor executor(2);
    const HeldTask last(executor);
    const auto next = executor.submit(answer);
    Futures completed;
    for (const auto& each :
         mp::as_completed(Futures{last.future, made.cancelled, made.failed, made.finished, next})) {
        EXPECT_TRUE(each.done());
        completed.push_back(each);
        if (completed.size() == 4) last.let_go();
    }
    EXPECT_TRUE(are(completed, {made.cancelled, made.failed, made.finished, next, last.future}));
    ASSERT_EQ(completed.size(), 5U);
    EXPECT_EQ(completed.back(), last.future);
}

// conformance: executor.as_completed_duplicates
TEST_P(AsCompleted, gives_one_that_is_repeated_once) {
    const mp::ProcessPoolExecutor executor(1);
    const HeldTask held(executor);
    const Futures repeated(3, held.future);
    held.let_go();
    Futures completed;
    for (const auto& each : mp::as_completed(repeated | std::views::all)) completed.push_back(each);
    EXPECT_TRUE(are(completed, {held.future}));
}

void wait_for_turn(const mp::Semaphore& turns) { turns.acquire(); }
template <class F>
void expect_no_other_owner(const F& future) {
    // The pool's thread may have it in hand for a moment; and what state() returns is one more here.
    wait_until([&] { return future.state()->use_count() == 2; });
}
// conformance: executor.as_completed_frees
TEST_P(AsCompleted, keeps_none_that_it_gave) {
    const mp::ProcessPoolExecutor executor(1);
    const mp::Semaphore turns(0);
    std::vector<mp::Future<void>> futures;
    for (int i = 0; i < 8; ++i) futures.push_back(executor.submit(wait_for_turn, turns));
    turns.release();
    futures.front().result();
    const auto forget = [&](const mp::Future<void>& future) {
        std::erase(futures, future);
        expect_no_other_owner(future);
    };
    EXPECT_THROW(
        {
            for (const auto& each : mp::as_completed(futures, 0s)) forget(each);
        },
        mp::TimeoutError);
    EXPECT_EQ(futures.size(), 7U);
    turns.release();
    for (const auto& each : mp::as_completed(std::vector(futures))) {
        forget(each);
        turns.release();
    }
    EXPECT_TRUE(futures.empty());
}

// conformance: executor.as_completed_message
TEST_P(AsCompleted, says_how_many_did_not_come_in_time) {
    const DoneFutures made;
    const mp::ProcessPoolExecutor executor(1);
    const HeldTask running(executor);
    const auto queued = executor.submit(answer);
    const Futures all{made.cancelled, queued, running.future, made.finished};
    Futures completed;
    const std::string text = thrown<mp::TimeoutError>([&] {
        for (const auto& each : mp::as_completed(all, 0s)) completed.push_back(each);
    });
    EXPECT_EQ(text, "2 (of 4) futures unfinished");
    EXPECT_TRUE(are(completed, {made.cancelled, made.finished}));
}

}  // namespace
