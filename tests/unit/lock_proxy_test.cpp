// SPDX-License-Identifier: Apache-2.0
#include <procession/lock_proxy.hpp>

#include <gtest/gtest.h>
#include <procession/error.hpp>

#include <chrono>
#include <mutex>
#include <stop_token>
#include <thread>

#include "support/manager.hpp"

namespace {

using namespace std::chrono_literals;
using procession::BoundedSemaphoreProxy;
using procession::LockProxy;
using procession::RLockProxy;
using procession::SemaphoreProxy;
using procession::ValueError;
using Clock = std::chrono::steady_clock;
namespace test = procession::test;

using LockProxyTest = test::WithManager;
using RLockProxyTest = test::WithManager;
using SemaphoreProxyTest = test::WithManager;

TEST_F(LockProxyTest, is_held_by_one_at_a_time) {
    const LockProxy lock = manager_.Lock();
    EXPECT_TRUE(lock.acquire());
    EXPECT_FALSE(lock.try_acquire());
    lock.release();
    EXPECT_TRUE(lock.try_acquire());
    lock.release();
    EXPECT_THROW(lock.release(), procession::StateError);
}

TEST_F(LockProxyTest, a_wait_ends_at_its_limit_and_not_before) {
    const LockProxy lock = manager_.Lock();
    lock.acquire();
    const auto begin = Clock::now();
    EXPECT_FALSE(lock.acquire(50ms));
    EXPECT_FALSE(lock.try_lock_for(50ms));
    EXPECT_FALSE(lock.try_lock_until(Clock::now() + 50ms));
    EXPECT_GE(Clock::now() - begin, 150ms);
    EXPECT_FALSE(lock.acquire(0s));
}

TEST_F(LockProxyTest, is_a_lock_of_the_standard) {
    const LockProxy one = manager_.Lock();
    const LockProxy two = manager_.Lock();
    {
        const std::scoped_lock both(one, two);
        EXPECT_FALSE(one.try_lock());
        EXPECT_FALSE(two.try_lock());
    }
    const std::unique_lock held(one, 1s);
    EXPECT_TRUE(held.owns_lock());
}

TEST_F(LockProxyTest, a_stop_ends_a_wait) {
    const LockProxy lock = manager_.Lock();
    lock.acquire();
    std::stop_source source;
    std::thread stopper([&] { source.request_stop(); });
    EXPECT_THROW(lock.acquire(source.get_token()), procession::CancelledError);
    stopper.join();
    EXPECT_THROW(static_cast<void>(lock.acquire(1h, source.get_token())), procession::CancelledError);
    lock.release();
    EXPECT_TRUE(lock.try_acquire()) << "who was stopped has not taken it";
}

TEST_F(LockProxyTest, only_an_abandoned_one_is_recovered) {
    const LockProxy lock = manager_.Lock();
    EXPECT_THROW(lock.recover(), procession::StateError);
    lock.acquire();
    EXPECT_THROW(lock.recover(), procession::StateError);
}

TEST_F(LockProxyTest, unlock_throws_nothing) {
    const LockProxy lock = manager_.Lock();
    lock.unlock();
    EXPECT_TRUE(lock.try_lock());
}

TEST_F(RLockProxyTest, is_taken_again_by_the_thread_that_holds_it) {
    const RLockProxy lock = manager_.RLock();
    lock.acquire();
    EXPECT_TRUE(lock.try_acquire());
    const auto is_free_for_others = [&] {
        bool taken = false;
        std::thread([&] {
            taken = lock.try_acquire();
            if (taken) lock.release();
        }).join();
        return taken;
    };
    lock.release();
    EXPECT_FALSE(is_free_for_others());
    lock.release();
    EXPECT_TRUE(is_free_for_others());
    EXPECT_THROW(lock.release(), procession::StateError);
}

TEST_F(SemaphoreProxyTest, has_as_many_permits_as_were_released) {
    const SemaphoreProxy semaphore = manager_.Semaphore(1);
    EXPECT_TRUE(semaphore.acquire());
    EXPECT_FALSE(semaphore.try_acquire());
    EXPECT_FALSE(semaphore.try_acquire_for(1ms));
    semaphore.release();
    semaphore.release(2);
    EXPECT_EQ(semaphore.get_value(), 3);
    EXPECT_TRUE(semaphore.try_acquire_until(Clock::now() + 1h));
    EXPECT_EQ(semaphore.get_value(), 2);
}

TEST_F(SemaphoreProxyTest, a_bounded_one_has_no_more_than_at_first) {
    const BoundedSemaphoreProxy semaphore = manager_.BoundedSemaphore(2);
    EXPECT_THROW(semaphore.release(), ValueError);
    const std::scoped_lock held(semaphore);
    EXPECT_EQ(semaphore.get_value(), 1);
}

}  // namespace
