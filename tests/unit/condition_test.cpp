// SPDX-License-Identifier: Apache-2.0
#include <procession/condition.hpp>

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "heap/heap.hpp"
#include "support/expect.hpp"
#include "support/signal_storm.hpp"
#include "support/waiting.hpp"

namespace {

using namespace std::chrono_literals;
using procession::test::expect_parts;
using procession::test::through_signals;
using procession::test::wait_for_waiters;
using procession::test::wait_until;

// conformance: condition.wait_timeout
TEST(Condition, wait_without_a_notify_is_false_no_sooner_than_the_limit) {
    mp::Condition condition;
    const std::scoped_lock lock(condition);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_FALSE(condition.wait(100ms));
    EXPECT_GE(std::chrono::steady_clock::now() - start, 100ms);
    EXPECT_FALSE(condition.wait(0s));
}

TEST(Condition, wait_gives_the_lock_up_and_has_it_again) {
    mp::Condition condition(mp::Lock{});
    std::unique_lock lock(condition);
    std::jthread notifier([condition] {
        const std::scoped_lock lock(condition);
        condition.notify();
    });
    EXPECT_TRUE(condition.wait());
    EXPECT_FALSE(condition.try_lock());
    lock.unlock();
    EXPECT_TRUE(condition.try_lock());
    condition.unlock();
}

TEST(Condition, wait_gives_a_recursive_lock_up_wholly_and_restores_its_depth) {
    mp::Condition condition;
    condition.acquire();
    condition.acquire();
    condition.acquire();
    std::jthread notifier([condition] {
        const std::scoped_lock lock(condition);
        condition.notify();
    });
    EXPECT_TRUE(condition.wait());
    for (int i = 0; i < 3; ++i) condition.release();
    EXPECT_THROW(condition.release(), mp::StateError);
}

TEST(Condition, wait_and_notify_without_the_lock_are_StateErrors) {
    for (const auto& condition : {mp::Condition(), mp::Condition(mp::Lock())}) {
        EXPECT_THROW(condition.notify(), mp::StateError);
        EXPECT_THROW(condition.notify_all(), mp::StateError);
        try {
            condition.wait();
            FAIL();
        } catch (const mp::StateError& error) {
            expect_parts(error.what(),
                         {"Condition::wait", "does not hold its lock", "acquire() it first"});
        }
    }
}

TEST(Condition, notify_wakes_those_that_waited_longest) {
    mp::Condition condition;
    std::vector<int> order;
    std::vector<std::jthread> waiters;
    for (int i = 0; i < 4; ++i) {
        waiters.emplace_back([&, i] {
            const std::scoped_lock lock(condition);
            condition.wait();
            order.push_back(i);
        });
        wait_for_waiters(condition, i + 1);
    }
    for (int i = 0; i < 4; ++i) {
        {
            const std::scoped_lock lock(condition);
            condition.notify();
        }
        wait_until([&] {
            const std::scoped_lock lock(condition);
            return order.size() == static_cast<std::size_t>(i) + 1;
        });
    }
    EXPECT_EQ(order, (std::vector{0, 1, 2, 3}));
}

TEST(Condition, is_there_for_many_threads) {
    mp::Condition condition;
    int woken = 0;
    std::vector<std::jthread> waiters;
    for (int i = 0; i < 64; ++i)
        waiters.emplace_back([&] {
            const std::scoped_lock lock(condition);
            condition.wait();
            ++woken;
        });
    wait_for_waiters(condition, 64);
    {
        const std::scoped_lock lock(condition);
        condition.notify_all();
    }
    waiters.clear();
    EXPECT_EQ(woken, 64);
    EXPECT_EQ(condition.to_string(), "<Condition(<RLock(owner=None)>, 0)>");
}

TEST(Condition, notify_of_nobody_is_not_kept) {
    mp::Condition condition;
    const std::scoped_lock lock(condition);
    condition.notify(3);
    condition.notify(0);
    condition.notify(-1);
    EXPECT_FALSE(condition.wait(1ms));
}

TEST(Condition, a_stop_request_ends_the_wait_with_the_lock_held) {
    mp::Condition condition(mp::Lock{});
    std::jthread waiter([condition](std::stop_token stop) {
        const std::scoped_lock lock(condition);
        EXPECT_THROW(condition.wait(stop), mp::CancelledError);
        EXPECT_THROW(static_cast<void>(condition.wait(10s, stop)), mp::CancelledError);
        EXPECT_THROW(condition.wait_for([] { return false; }, stop), mp::CancelledError);
        EXPECT_FALSE(condition.try_lock());
    });
    wait_for_waiters(condition, 1);
    waiter.request_stop();
}

TEST(Condition, signals_do_not_end_a_wait) {
    mp::Condition condition;
    const bool notified = through_signals(
        [&] {
            const std::scoped_lock lock(condition);
            return condition.wait();
        },
        [condition] {
            const std::scoped_lock lock(condition);
            condition.notify();
        });
    EXPECT_TRUE(notified);
}

TEST(Condition, wait_for_returns_what_the_predicate_says_last) {
    mp::Condition condition;
    const std::scoped_lock lock(condition);
    EXPECT_TRUE(condition.wait_for([] { return true; }));
    int looks = 0;
    const auto start = std::chrono::steady_clock::now();
    EXPECT_FALSE(condition.wait_for([&] { return ++looks, false; }, 50ms));
    EXPECT_GE(std::chrono::steady_clock::now() - start, 50ms);
    EXPECT_GE(looks, 2);
    looks = 0;
    EXPECT_TRUE(condition.wait_for([&] { return ++looks == 2; }, 0s));
}

TEST(Condition, wait_for_waits_until_the_predicate_is_true) {
    mp::Condition condition;
    int value = 0;
    std::jthread notifier([&] {
        for (int i = 0; i < 4; ++i) {
            wait_for_waiters(condition, 1);
            const std::scoped_lock lock(condition);
            ++value;
            condition.notify();
        }
    });
    const std::scoped_lock lock(condition);
    EXPECT_TRUE(condition.wait_for([&] { return value == 4; }));
}

TEST(Condition, has_the_names_of_a_TimedLockable) {
    mp::Condition condition(mp::Lock{});
    const std::unique_lock lock(condition, 1s);
    EXPECT_TRUE(lock.owns_lock());
    EXPECT_FALSE(condition.try_acquire());
    EXPECT_FALSE(condition.acquire(1ms));
    EXPECT_FALSE(condition.try_lock_for(1ms));
    EXPECT_FALSE(condition.try_lock_until(std::chrono::system_clock::now() + 1ms));
    EXPECT_THROW(condition.recover(), mp::StateError);
}

TEST(Condition, shares_the_lock_that_it_was_made_with) {
    const mp::Lock lock;
    const mp::Condition full(lock), empty(lock);
    const std::scoped_lock guard(full);
    EXPECT_FALSE(lock.try_lock());
    EXPECT_FALSE(empty.try_lock());
    EXPECT_NE(full.to_string().find(lock.to_string()), std::string::npos);
}

TEST(Condition, keeps_its_lock_and_travels_in_messages) {
    const auto before = procession::heap::Heap::program().usage().blocks;
    {
        mp::Queue<mp::Condition> queue;
        queue.put(mp::Condition(mp::Lock{}));
        const mp::Condition condition = queue.get();
        const std::scoped_lock lock(condition);
        EXPECT_FALSE(condition.wait(0s));
    }
    EXPECT_EQ(procession::heap::Heap::program().usage().blocks, before);
}

TEST(Condition, of_another_kind_of_object_is_a_TypeMismatch) {
    EXPECT_THROW(mp::Condition(static_cast<mp::detail::Handle>(mp::Lock())), mp::TypeMismatch);
}

TEST(ConditionVariableAny, works_over_a_Lock) {
    mp::Lock lock;
    std::condition_variable_any changed;
    bool ready = false;
    std::jthread notifier([&] {
        const std::scoped_lock guard(lock);
        ready = true;
        changed.notify_one();
    });
    std::unique_lock guard(lock);
    changed.wait(guard, [&] { return ready; });
    EXPECT_TRUE(guard.owns_lock());
}

}  // namespace
