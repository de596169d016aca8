// SPDX-License-Identifier: Apache-2.0
#include <procession/lock.hpp>

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <condition_variable>
#include <mutex>
#include <semaphore>
#include <thread>

#include "support/expect.hpp"
#include "support/proc.hpp"
#include "support/signal_storm.hpp"

namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
namespace test = procession::test;

template <class L>
class AnyLock : public testing::Test {};
using Locks = testing::Types<mp::Lock, mp::RLock>;
TYPED_TEST_SUITE(AnyLock, Locks);

/// What another thread sees.
template <class L>
bool is_free(const L& lock) {
    bool free = false;
    std::thread([&] {
        free = lock.try_acquire();
        if (free) lock.release();
    }).join();
    return free;
}

TYPED_TEST(AnyLock, is_held_from_acquire_to_release) {
    TypeParam lock;
    EXPECT_TRUE(is_free(lock));
    EXPECT_TRUE(lock.acquire());
    EXPECT_FALSE(is_free(lock));
    lock.release();
    EXPECT_TRUE(is_free(lock));
}

TYPED_TEST(AnyLock, waits_no_longer_than_the_limit_and_no_less) {
    TypeParam lock;
    lock.acquire();
    std::thread([&] {
        const auto start = Clock::now();
        EXPECT_FALSE(lock.acquire(50ms));
        EXPECT_GE(Clock::now() - start, 50ms);
        EXPECT_FALSE(lock.acquire(0s));
        EXPECT_FALSE(lock.acquire(-1s));
        EXPECT_FALSE(lock.try_lock_for(20ms));
        EXPECT_FALSE(lock.try_lock_until(Clock::now() + 20ms));
        const auto wall = std::chrono::system_clock::now() + 20ms;
        EXPECT_FALSE(lock.try_lock_until(wall));
        EXPECT_GE(std::chrono::system_clock::now(), wall);
    }).join();
    lock.release();
    EXPECT_TRUE(lock.acquire(0s));
    lock.release();
    EXPECT_TRUE(lock.try_lock_until(Clock::now() - 1s));
    lock.unlock();
}

TYPED_TEST(AnyLock, is_handed_to_who_waits) {
    TypeParam lock;
    lock.acquire();
    std::atomic<pid_t> waiter{0};
    std::thread thread([&] {
        waiter = ::gettid();
        EXPECT_TRUE(lock.acquire());
        lock.release();
    });
    while (waiter == 0 || test::thread_state(waiter) != 'S') std::this_thread::yield();
    lock.release();
    thread.join();
}

TYPED_TEST(AnyLock, a_stop_request_ends_the_wait) {
    TypeParam lock;
    lock.acquire();
    std::stop_source before;
    before.request_stop();
    std::thread([&] {
        EXPECT_THROW(lock.acquire(before.get_token()), mp::CancelledError);
        EXPECT_FALSE(lock.acquire(0s, std::stop_token()));
    }).join();

    std::stop_source source;
    std::atomic<pid_t> waiter{0};
    std::thread thread([&] {
        waiter = ::gettid();
        EXPECT_THROW(lock.acquire(source.get_token()), mp::CancelledError);
        EXPECT_THROW(static_cast<void>(lock.acquire(1h, source.get_token())), mp::CancelledError);
    });
    while (waiter == 0 || test::thread_state(waiter) != 'S') std::this_thread::yield();
    source.request_stop();
    thread.join();
    lock.release();
    EXPECT_TRUE(lock.acquire(source.get_token())) << "there was nothing to wait for";
    lock.release();
}

TYPED_TEST(AnyLock, a_signal_does_not_end_the_wait) {
    TypeParam lock;
    std::binary_semaphore held{0}, enough{0};
    std::thread holder([&] {
        lock.acquire();
        held.release();
        enough.acquire();
        lock.release();
    });
    held.acquire();
    EXPECT_TRUE(test::through_signals([&] { return lock.acquire(); }, [&] { enough.release(); }));
    lock.release();
    holder.join();
}

TYPED_TEST(AnyLock, keeps_threads_apart) {
    TypeParam lock;
    int count = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            for (int k = 0; k < 20'000; ++k) {
                const std::scoped_lock guard(lock);
                ++count;
            }
        });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(count, 80'000);
}

// conformance: lock.guard
TYPED_TEST(AnyLock, fits_the_standard_librarys_guards) {
    TypeParam lock, other;
    {
        const std::scoped_lock guard(lock, other);
        EXPECT_FALSE(is_free(lock));
    }
    {
        const std::lock_guard guard(lock);
        EXPECT_FALSE(is_free(lock));
    }
    std::unique_lock guard(lock, std::defer_lock);
    EXPECT_TRUE(guard.try_lock_for(1h));
    EXPECT_FALSE(is_free(lock));
    guard.unlock();
    EXPECT_TRUE(is_free(lock));
}

TYPED_TEST(AnyLock, fits_condition_variable_any) {
    TypeParam lock;
    std::condition_variable_any changed;
    bool ready = false;
    std::thread thread([&] {
        const std::scoped_lock guard(lock);
        ready = true;
        changed.notify_one();
    });
    std::unique_lock guard(lock);
    changed.wait(guard, [&] { return ready; });
    guard.unlock();
    thread.join();
}

TYPED_TEST(AnyLock, a_copy_is_the_same_lock) {
    TypeParam lock;
    const TypeParam copy = lock;
    copy.acquire();
    EXPECT_EQ(lock, copy);
    EXPECT_FALSE(is_free(lock));
    TypeParam moved = std::move(lock);
    moved.release();
    EXPECT_TRUE(is_free(copy));
    EXPECT_NE(copy, TypeParam());
}

TYPED_TEST(AnyLock, only_a_dead_holders_can_be_recovered) {
    TypeParam lock;
    EXPECT_THROW(lock.recover(), mp::StateError);
    lock.acquire();
    EXPECT_THROW(lock.recover(), mp::StateError);
    lock.release();
}

TYPED_TEST(AnyLock, unlock_of_what_is_not_held_does_no_harm) {
    TypeParam lock;
    lock.unlock();
    EXPECT_TRUE(lock.try_acquire());
    lock.unlock();
    EXPECT_TRUE(is_free(lock));
}

// conformance: lock.basic
TEST(Lock, can_be_taken_once_and_released_once) {
    mp::Lock lock;
    EXPECT_TRUE(lock.acquire());
    EXPECT_FALSE(lock.try_acquire());
    lock.release();
    EXPECT_THROW(lock.release(), mp::ValueError);
    EXPECT_TRUE(lock.try_acquire()) << "the release too many changed something";
    lock.release();
}

TEST(Lock, any_thread_may_release_it) {
    mp::Lock lock;
    lock.acquire();
    std::thread([&] { lock.release(); }).join();
    EXPECT_TRUE(lock.try_acquire());
    lock.release();
}

// conformance: rlock.basic
TEST(RLock, can_be_taken_again_by_the_thread_that_holds_it) {
    mp::RLock lock;
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(lock.acquire());
    for (int i = 0; i < 3; ++i) {
        EXPECT_FALSE(is_free(lock));
        lock.release();
    }
    EXPECT_TRUE(is_free(lock));
    EXPECT_THROW(lock.release(), mp::StateError);
}

TEST(RLock, only_the_thread_that_holds_it_may_release_it) {
    mp::RLock lock;
    lock.acquire();
    std::thread([&] {
        EXPECT_THROW(lock.release(), mp::StateError);
        lock.unlock();
    }).join();
    EXPECT_FALSE(is_free(lock));
    lock.release();
}

TEST(Lock, prints_who_holds_it) {
    static_cast<void>(mp::current_process());
    mp::Lock lock;
    EXPECT_EQ(fmt::format("{}", lock), "<Lock(owner=None)>");
    lock.acquire();
    EXPECT_EQ(fmt::format("{}", lock), "<Lock(owner=MainProcess)>");
    mp::RLock recursive;
    EXPECT_EQ(testing::PrintToString(recursive), "<RLock(owner=None)>");
}

TEST(Lock, is_received_as_what_it_is) {
    mp::Lock lock;
    EXPECT_THROW(mp::RLock{static_cast<procession::detail::Handle>(lock)}, mp::TypeMismatch);
    mp::Queue<int> queue;
    EXPECT_THROW(mp::Lock{static_cast<procession::detail::Handle>(queue)}, mp::TypeMismatch);
}

}  // namespace
