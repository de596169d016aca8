// SPDX-License-Identifier: Apache-2.0

// Locks between processes, and what becomes of one whose holder is gone.

#include <gtest/gtest.h>
#include <signal.h>
#include <procession/mp.hpp>

#include <mutex>

#include "support/expect.hpp"
#include "support/start_methods.hpp"
#include "support/targets.hpp"

namespace {

using namespace std::chrono_literals;
namespace test = procession::test;

class ALock : public test::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(Methods, ALock, test::all_start_methods(), test::name_of_parameter);

/// A number that is whole only under a lock.
struct Tally {
    mp::RawValue<long> first{0}, second{0};
    void count() {
        first.value() = first.value() + 1;
        second.value() = second.value() + 1;
    }
    template <class A>
    void serialize(A& archive) {
        archive(first, second);
    }
};

template <class L>
void count_under(L lock, Tally tally, int times) {
    for (int i = 0; i < times; ++i) {
        const std::scoped_lock guard(lock);
        tally.count();
    }
}

template <class L>
void keeps_processes_apart() {
    L lock;
    Tally tally;
    std::vector<mp::Process> processes;
    for (int i = 0; i < 4; ++i) {
        processes.emplace_back(count_under<L>, lock, tally, 5000);
        processes.back().start();
    }
    for (auto& process : processes) process.join();
    EXPECT_EQ(tally.first.get(), 20'000);
    EXPECT_EQ(tally.second.get(), 20'000);
}

TEST_P(ALock, keeps_processes_apart) { keeps_processes_apart<mp::Lock>(); }
TEST_P(ALock, keeps_processes_apart_also_if_recursive) { keeps_processes_apart<mp::RLock>(); }

void release_it(mp::Lock lock) { lock.release(); }

TEST_P(ALock, may_be_released_by_another_process) {
    mp::Lock lock;
    lock.acquire();
    mp::Process process(release_it, lock);
    process.start();
    EXPECT_TRUE(lock.acquire(60s));
    process.join();
    lock.release();
}

void not_mine(mp::RLock lock, mp::Queue<std::string> said) {
    try {
        lock.release();
    } catch (const mp::StateError& error) {
        said.put(error.what());
    }
    if (!lock.try_acquire()) said.put("held");
}

TEST_P(ALock, is_recursive_for_its_holder_only) {
    mp::RLock lock;
    lock.acquire();
    mp::Queue<std::string> said;
    mp::Process process(not_mine, lock, said);
    process.start();
    test::expect_parts(said.get(), {"RLock::release", "does not hold it"});
    EXPECT_EQ(said.get(), "held");
    process.join();
    lock.release();
}

void send_back(mp::Lock mine, mp::Queue<mp::Lock> back) {
    mine.acquire();
    back.put(mine);
}
void pass_on(mp::Queue<mp::Lock> locks, mp::Queue<mp::Lock> back) {
    mp::Process grandchild(send_back, locks.get(), back);
    grandchild.start();
    grandchild.join();
}

TEST_P(ALock, travels_in_queues_and_to_grandchildren) {
    mp::Queue<mp::Lock> locks, back;
    const mp::Lock lock;
    locks.put(lock);
    mp::Process child(pass_on, locks, back);
    child.start();
    EXPECT_EQ(back.get(), lock);
    child.join();
    EXPECT_EQ(child.exitcode(), 0);
    EXPECT_THROW(lock.acquire(), mp::OwnerDied) << "the grandchild ended with it";
}

static mp::Lock global_lock;
void hold_the_global(mp::Queue<int> held) {
    global_lock.acquire();
    held.put(1);
    test::wait_for_ever();
}

TEST_P(ALock, is_one_if_it_has_static_storage) {
    mp::Queue<int> held;
    mp::Process process(hold_the_global, held);
    process.start();
    static_cast<void>(held.get());
    EXPECT_FALSE(global_lock.try_acquire());
    process.kill();
    process.join();
    EXPECT_THROW(static_cast<void>(global_lock.try_acquire()), mp::OwnerDied);
    global_lock.release();
}

// ---------------------------------------------------------------- its holder is gone

template <class L>
void hold(L lock, mp::Queue<int> held) {
    lock.acquire();
    held.put(1);
    test::wait_for_ever();
}

template <class L>
int leave_abandoned(const L& lock) {
    mp::Queue<int> held;
    mp::Process process(mp::ProcessOptions{.name = "holder"}, hold<L>, lock, held);
    process.start();
    static_cast<void>(held.get());
    process.kill();
    process.join();
    return *process.handle().exitcode() == -SIGKILL ? process.pid().value_or(0) : 0;
}

template <class L>
void tells_of_the_death() {
    L lock;
    const int pid = leave_abandoned(lock);
    const auto expect_told = [&](auto acquire) {
        try {
            acquire();
            ADD_FAILURE() << "it was not told";
        } catch (const mp::OwnerDied& died) {
            EXPECT_EQ(died.pid, pid);
            EXPECT_EQ(died.name, "holder");
            test::expect_parts(died.what(), {"Lock", "\"holder\"", std::to_string(pid).c_str(),
                                             "was killed", "recover()", "release()"});
        }
    };
    // As often as it is asked, in every way, until somebody decides.
    expect_told([&] { lock.acquire(); });
    expect_told([&] { static_cast<void>(lock.acquire(0s)); });
    expect_told([&] { static_cast<void>(lock.try_acquire()); });
    expect_told([&] { lock.lock(); });
    expect_told([&] { static_cast<void>(lock.try_lock()); });
    expect_told([&] { static_cast<void>(lock.try_lock_for(1h)); });
    expect_told([&] { const std::scoped_lock guard(lock); });
    lock.unlock();
    expect_told([&] { lock.acquire(); });

    lock.recover();
    EXPECT_THROW(lock.recover(), mp::StateError);
    bool free = true;
    std::thread([&] { free = lock.try_acquire(); }).join();
    EXPECT_FALSE(free);
    lock.release();
    EXPECT_TRUE(lock.try_acquire());
    lock.release();

    leave_abandoned(lock);
    EXPECT_THROW(lock.acquire(), mp::OwnerDied);
    lock.release();
    EXPECT_TRUE(lock.try_acquire());
    lock.release();
}

TEST_P(ALock, tells_of_its_holders_death) { tells_of_the_death<mp::Lock>(); }
TEST_P(ALock, tells_of_its_holders_death_also_if_recursive) { tells_of_the_death<mp::RLock>(); }

void end_with_it(mp::Lock lock) {
    lock.acquire();
    procession::exit(3);
}

TEST_P(ALock, tells_of_a_holder_that_just_ended) {
    mp::Lock lock;
    mp::Process process(mp::ProcessOptions{.name = "leaver"}, end_with_it, lock);
    process.start();
    process.join();
    try {
        lock.acquire();
        ADD_FAILURE() << "it was not told";
    } catch (const mp::OwnerDied& died) {
        test::expect_parts(died.what(), {"\"leaver\"", "ended with exit code 3"});
    }
}

void wait_for_it(mp::Lock lock, mp::Queue<int> waits, mp::Queue<std::string> told) {
    waits.put(1);
    try {
        lock.acquire();
        told.put("taken");
        lock.release();
    } catch (const mp::OwnerDied& died) {
        told.put(died.name);
    }
}

TEST_P(ALock, tells_all_who_wait) {
    mp::Lock lock;
    mp::Queue<int> held, waits;
    mp::Queue<std::string> told;
    mp::Process holder(mp::ProcessOptions{.name = "holder"}, hold<mp::Lock>, lock, held);
    holder.start();
    static_cast<void>(held.get());
    std::vector<mp::Process> waiters;
    for (int i = 0; i < 4; ++i) {
        waiters.emplace_back(wait_for_it, lock, waits, told);
        waiters.back().start();
        static_cast<void>(waits.get());
    }
    holder.kill();
    for (std::size_t i = 0; i < waiters.size(); ++i) EXPECT_EQ(told.get(), "holder");
    for (auto& waiter : waiters) waiter.join();
}

void recover_it(mp::Lock lock, mp::Queue<int> done) {
    try {
        lock.acquire();
    } catch (const mp::OwnerDied&) {
        try {
            lock.recover();
        } catch (const mp::StateError&) {
            return done.put(0);
        }
    }
    done.put(1);
    lock.release();
}

TEST_P(ALock, is_recovered_by_one_of_them) {
    mp::Lock lock;
    leave_abandoned(lock);
    mp::Queue<int> done;
    std::vector<mp::Process> processes;
    for (int i = 0; i < 4; ++i) {
        processes.emplace_back(recover_it, lock, done);
        processes.back().start();
    }
    int holders = 0;
    for (auto& process : processes) {
        process.join();
        holders += done.get();
    }
    EXPECT_GE(holders, 1);
    EXPECT_TRUE(lock.try_acquire()) << "all who had it gave it back";
}

}  // namespace
