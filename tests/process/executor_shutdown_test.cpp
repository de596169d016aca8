// SPDX-License-Identifier: Apache-2.0

// How an executor ends: by shutdown(), by its end, and with futures that are cancelled.

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <ranges>
#include <vector>

#include "support/start_methods.hpp"
#include "support/tasks.hpp"
#include "support/thrown.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;

class Shutdown : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, Shutdown, all_start_methods(), name_of_parameter);

int absolute(int x) { return x < 0 ? -x : x; }
void expect_absolutes(mp::MapResults<int>& results) {
    std::vector<int> got;
    for (int each : results) got.push_back(each);
    EXPECT_EQ(got, (std::vector{5, 4, 3, 2, 1, 0, 1, 2, 3, 4}));
}
void expect_ended(const std::vector<mp::ProcessHandle>& workers) {
    for (const mp::ProcessHandle& each : workers) {
        EXPECT_TRUE(each.join());
        EXPECT_EQ(each.exitcode(), 0) << each.name();
    }
}

// conformance: executor.submit_after_shutdown
TEST_P(Shutdown, has_nothing_submitted_any_more) {
    const mp::ProcessPoolExecutor executor(1);
    executor.shutdown();
    for (const std::string& text :
         {thrown<mp::StateError>([&] { static_cast<void>(executor.submit(absolute, 2)); }),
          thrown<mp::StateError>([&] { static_cast<void>(executor.map(absolute, std::vector{2})); })}) {
        EXPECT_NE(text.find("ProcessPoolExecutor"), text.npos) << text;
        EXPECT_NE(text.find("nothing can be submitted any more"), text.npos) << text;
    }
}

// conformance: executor.shutdown_race
TEST_P(Shutdown, waits_for_what_was_mapped_though_nobody_reads_it) {
    const mp::ProcessPoolExecutor executor(5);
    static_cast<void>(executor.map(absolute, std::views::iota(0, 6)));
    executor.shutdown();
    EXPECT_EQ(executor.stats().done, 6U);
    EXPECT_TRUE(executor.workers().empty());
}

int take_turn(const mp::Semaphore& begun, const mp::Event& go) {
    begun.release();
    go.wait();
    return 42;
}
// conformance: executor.cancel_futures
TEST_P(Shutdown, cancels_what_nobody_has_begun_if_told_to) {
    const mp::ProcessPoolExecutor executor(5);
    const mp::Semaphore begun(0);
    const mp::Event go;
    std::vector<mp::Future<int>> futures;
    for (int i = 0; i < 50; ++i) futures.push_back(executor.submit(take_turn, begun, go));
    for (int i = 0; i < 5; ++i) begun.acquire();
    executor.shutdown(false, true);
    go.set();
    executor.shutdown();
    EXPECT_EQ(std::ranges::count_if(futures, &mp::Future<int>::cancelled), 45);
    for (const auto& each : futures) {
        EXPECT_TRUE(each.done());
        if (each.cancelled())
            EXPECT_THROW(each.result(), mp::CancelledError);
        else
            EXPECT_EQ(each.result(), 42);
    }
}

// conformance: executor.cancel_then_shutdown
TEST_P(Shutdown, ends_when_a_future_was_cancelled_at_once) {
    const mp::ProcessPoolExecutor executor(1);
    const auto future = executor.submit(answer);
    const bool cancelled = future.cancel();
    executor.shutdown();
    EXPECT_TRUE(future.done());
    EXPECT_EQ(future.cancelled(), cancelled);
}

TEST_P(Shutdown, with_a_timeout_says_whether_all_is_done) {
    const mp::ProcessPoolExecutor executor(1);
    const HeldTask held(executor);
    EXPECT_FALSE(executor.shutdown(10ms));
    held.let_go();
    EXPECT_TRUE(executor.shutdown(mp::forever));
    EXPECT_EQ(held.future.result(), 42);
}

// conformance: executor.scope
TEST_P(Shutdown, is_what_the_end_of_a_scope_does) {
    std::vector<mp::ProcessHandle> workers;
    {
        const mp::ProcessPoolExecutor executor(1);
        auto results = executor.map(absolute, std::views::iota(-5, 5));
        expect_absolutes(results);
        workers = workers_of(executor, 1);
    }
    expect_ended(workers);
}

// conformance: executor.dropped
TEST_P(Shutdown, of_an_executor_that_goes_lets_its_maps_be_finished) {
    std::vector<mp::ProcessHandle> workers;
    auto results = [&] {
        const mp::ProcessPoolExecutor executor(5);
        const HeldTask held(executor);
        workers = workers_of(executor, 1);
        return executor.map(absolute, std::views::iota(-5, 5));
    }();
    expect_absolutes(results);
    expect_ended(workers);
}

}  // namespace
