// SPDX-License-Identifier: Apache-2.0

// A condition between processes, however they are started.

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <thread>
#include <vector>

#include "support/start_methods.hpp"
#include "support/targets.hpp"
#include "support/waiting.hpp"

namespace procession::test {
namespace {

using namespace std::chrono_literals;

class ConditionProcess : public EachStartMethod {
  protected:
    /// Processes and threads that each wait once and say whether they were notified.
    void start_waiters(int count, void (*wait)(mp::Condition, mp::Queue<bool>)) {
        for (int i = 0; i < count; ++i) {
            processes_.emplace_back(wait, condition_, woken_);
            processes_.back().start();
            threads_.emplace_back(wait, condition_, woken_);
        }
    }
    void notify(int n) {
        const std::scoped_lock lock(condition_);
        condition_.notify(n);
    }
    /// Takes what so many say; nobody else says anything.
    void expect_woken(int count, bool notified) {
        for (int i = 0; i < count; ++i) EXPECT_EQ(woken_.get(), notified);
        EXPECT_TRUE(woken_.empty());
    }
    void join() {
        threads_.clear();
        for (mp::Process& process : processes_) {
            process.join();
            EXPECT_EQ(process.exitcode(), 0);
        }
        processes_.clear();
    }

    mp::Condition condition_;
    mp::Queue<bool> woken_;
    std::vector<mp::Process> processes_;
    std::vector<std::jthread> threads_;
};

INSTANTIATE_TEST_SUITE_P(EveryMethod, ConditionProcess, all_start_methods(), name_of_parameter);

void wait_once(mp::Condition condition, mp::Queue<bool> woken) {
    const std::scoped_lock lock(condition);
    woken.put(condition.wait());
}
void wait_100ms(mp::Condition condition, mp::Queue<bool> woken) {
    const std::scoped_lock lock(condition);
    woken.put(condition.wait(100ms));
}

// conformance: condition.notify
TEST_P(ConditionProcess, each_notify_wakes_one) {
    start_waiters(1, wait_once);
    wait_for_waiters(condition_, 2);
    for (int left = 1; left >= 0; --left) {
        notify(1);
        expect_woken(1, true);
        wait_for_waiters(condition_, left);
    }
    join();
}

// conformance: condition.notify_all
TEST_P(ConditionProcess, notify_all_wakes_all) {
    start_waiters(3, wait_100ms);
    expect_woken(6, false);
    join();
    wait_for_waiters(condition_, 0);
    start_waiters(3, wait_once);
    wait_for_waiters(condition_, 6);
    {
        const std::scoped_lock lock(condition_);
        condition_.notify_all();
    }
    expect_woken(6, true);
    join();
    wait_for_waiters(condition_, 0);
}

// conformance: condition.notify_n
TEST_P(ConditionProcess, notify_wakes_as_many_as_it_says) {
    start_waiters(3, wait_once);
    wait_for_waiters(condition_, 6);
    notify(2);
    expect_woken(2, true);
    wait_for_waiters(condition_, 4);
    notify(4);
    expect_woken(4, true);
    notify(3);
    join();
    wait_for_waiters(condition_, 0);
}

struct Countdown {
    mp::Condition condition{};
    mp::Queue<int> value{};  ///< as many items as its value
};
void wait_for_four(Countdown shared) {
    const std::scoped_lock lock(shared.condition);
    static_cast<void>(shared.value.get_nowait());
    shared.condition.notify();
    if (!shared.condition.wait_for([&] { return shared.value.qsize() == 4; })) mp::exit(1);
}

// conformance: condition.wait_for
TEST_P(ConditionProcess, wait_for_waits_until_the_predicate_is_true) {
    const Countdown shared;
    shared.value.put(-1);
    mp::Process process(wait_for_four, shared);
    process.start();
    {
        const std::scoped_lock lock(shared.condition);
        EXPECT_TRUE(shared.condition.wait_for([&] { return shared.value.empty(); }, 60s));
    }
    for (int i = 0; i < 4; ++i) {
        const std::scoped_lock lock(shared.condition);
        shared.value.put(i);
        shared.condition.notify();
    }
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
}

void notify_once(mp::Condition condition) {
    const std::scoped_lock lock(condition);
    condition.notify();
}

// conformance: condition.wait_result
TEST_P(ConditionProcess, wait_tells_whether_it_was_notified) {
    const mp::Condition condition(mp::Lock{});
    mp::Process process(notify_once, condition);
    {
        const std::scoped_lock lock(condition);
        EXPECT_FALSE(condition.wait(0s));
        EXPECT_FALSE(condition.wait(100ms));
        process.start();
        EXPECT_TRUE(condition.wait(60s));
    }
    process.join();
    // Python's wait is ended by SIGINT; here by a stop token.
    std::jthread waiter([condition](std::stop_token stop) {
        const std::scoped_lock lock(condition);
        EXPECT_THROW(static_cast<void>(condition.wait(60s, stop)), mp::CancelledError);
    });
    wait_for_waiters(condition, 1);
}

void pass_on(mp::Condition condition) {
    mp::Process grandchild(notify_once, condition);
    grandchild.start();
    grandchild.join();
}
TEST_P(ConditionProcess, is_the_same_in_grandchildren) {
    mp::Process child(pass_on, condition_);
    {
        const std::scoped_lock lock(condition_);
        child.start();
        EXPECT_TRUE(condition_.wait());
    }
    child.join();
}

void notify_from_queue(mp::Queue<mp::Condition> queue) { notify_once(queue.get()); }
TEST_P(ConditionProcess, brings_its_lock_along) {
    mp::Queue<mp::Condition> queue;
    mp::Process process(notify_from_queue, queue);
    process.start();
    const mp::Lock lock;
    const mp::Condition condition(lock);
    {
        const std::scoped_lock guard(lock);
        queue.put(condition);
        EXPECT_TRUE(condition.wait());
    }
    process.join();
}

mp::Condition global;
mp::Lock global_lock;
mp::Condition global_with_lock(global_lock);
void notify_globals() {
    notify_once(global);
    notify_once(global_with_lock);
}
TEST_P(ConditionProcess, with_static_storage_is_one_for_the_program) {
    mp::Process process(notify_globals);
    // Held so that it cannot notify the second one before that is waited for.
    global_lock.acquire();
    {
        const std::scoped_lock lock(global);
        process.start();
        EXPECT_TRUE(global.wait());
    }
    EXPECT_TRUE(global_with_lock.wait());
    global_lock.release();
    process.join();
}

}  // namespace
}  // namespace procession::test
