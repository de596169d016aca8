// SPDX-License-Identifier: Apache-2.0
#include <procession/condition_proxy.hpp>

#include <gtest/gtest.h>
#include <procession/error.hpp>

#include <atomic>
#include <chrono>
#include <mutex>
#include <stop_token>
#include <thread>

#include "support/manager.hpp"

namespace {

using namespace std::chrono_literals;
using procession::ConditionProxy;
using Clock = std::chrono::steady_clock;
namespace test = procession::test;

using ConditionProxyTest = test::WithManager;

TEST_F(ConditionProxyTest, a_wait_ends_when_it_is_notified) {
    const ConditionProxy condition = manager_.Condition();
    const std::unique_lock held(condition);
    std::thread notifier([&] {
        const std::unique_lock inner(condition);
        condition.notify();
    });
    EXPECT_TRUE(condition.wait());
    notifier.join();
}

TEST_F(ConditionProxyTest, a_wait_ends_at_its_limit_and_not_before) {
    const ConditionProxy condition = manager_.Condition();
    const std::unique_lock held(condition);
    const auto begin = Clock::now();
    EXPECT_FALSE(condition.wait(50ms));
    EXPECT_FALSE(condition.wait_for([] { return false; }, 50ms));
    EXPECT_GE(Clock::now() - begin, 100ms);
}

TEST_F(ConditionProxyTest, wait_for_goes_on_until_the_predicate_is_true) {
    const ConditionProxy condition = manager_.Condition();
    std::atomic<int> value = 0;  // a sanitizer cannot see who guards it
    std::unique_lock held(condition);
    EXPECT_TRUE(condition.wait_for([] { return true; }));
    std::thread counter([&] {
        for (int i = 0; i < 3; ++i) {
            const std::unique_lock inner(condition);
            ++value;
            condition.notify_all();
        }
    });
    EXPECT_TRUE(condition.wait_for([&] { return value == 3; }));
    EXPECT_TRUE(condition.wait_for([&] { return value == 3; }, 0s));
    held.unlock();
    counter.join();
}

TEST_F(ConditionProxyTest, uses_a_lock_of_the_same_manager) {
    const procession::LockProxy lock = manager_.Lock();
    const ConditionProxy condition = manager_.Condition(lock);
    const std::unique_lock held(condition);
    EXPECT_FALSE(lock.try_lock());
}

TEST_F(ConditionProxyTest, who_does_not_hold_the_lock_neither_waits_nor_notifies) {
    const ConditionProxy condition = manager_.Condition();
    EXPECT_THROW(condition.wait(), procession::StateError);
    EXPECT_THROW(condition.notify(), procession::StateError);
    EXPECT_THROW(condition.notify_all(), procession::StateError);
}

TEST_F(ConditionProxyTest, a_stop_ends_a_wait) {
    const ConditionProxy condition = manager_.Condition();
    const std::unique_lock held(condition);
    std::stop_source source;
    std::thread stopper([&] { source.request_stop(); });
    EXPECT_THROW(condition.wait(source.get_token()), procession::CancelledError);
    stopper.join();
    // The lock is held again.
    condition.notify();
}

}  // namespace
