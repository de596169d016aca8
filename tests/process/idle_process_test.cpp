// SPDX-License-Identifier: Apache-2.0

// Those who wait for a queue cost next to nothing.

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include "heap/waiting.hpp"
#include "support/proc.hpp"
#include "support/start_methods.hpp"

namespace {

using namespace std::chrono_literals;
namespace test = procession::test;

class IdleGetters : public test::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Methods, IdleGetters, test::all_start_methods(), test::name_of_parameter);

void get_one(mp::Queue<int> queue, mp::Semaphore begun) {
    begun.release();
    static_cast<void>(queue.get());
}

TEST_P(IdleGetters, wake_no_more_often_than_the_second_line_says) {
    using Clock = std::chrono::steady_clock;
    const mp::Queue<int> queue, nothing;
    const mp::Semaphore begun(0);
    std::vector<mp::Process> getters;
    for (int i = 0; i < 8; ++i) {
        getters.emplace_back(get_one, queue, begun);
        getters.back().start();
    }
    for (int i = 0; i < 8; ++i) begun.acquire();
    std::vector<long> sleeps;
    const auto begin = Clock::now();
    for (const mp::Process& getter : getters) {
        test::wait_until_asleep(*getter.pid());
        sleeps.push_back(test::sleeps_of(*getter.pid()));
    }
    EXPECT_FALSE(nothing.try_get(1500ms).has_value());
    for (std::size_t i = 0; i < getters.size(); ++i) {
        const long more = test::sleeps_of(*getters[i].pid()) - sleeps[i];
        // The first one of a wait is short, and what was seen asleep may still have been about to wait.
        EXPECT_LE(more, (Clock::now() - begin) / procession::heap::Patience::second_line + 5);
    }
    queue.put_many(std::vector<int>(8));
    for (mp::Process& getter : getters) {
        getter.join();
        EXPECT_EQ(getter.exitcode(), 0);
    }
}

}  // namespace
