// SPDX-License-Identifier: Apache-2.0

// Semaphores between processes, for every start method.

#include <procession/mp.hpp>

#include <gtest/gtest.h>

#include <csignal>
#include <mutex>
#include <vector>

#include "support/start_methods.hpp"
#include "support/targets.hpp"

namespace {

using namespace std::chrono_literals;
namespace test = procession::test;

mp::Semaphore global(0);
mp::BoundedSemaphore global_limit(2);

class SemaphoreProcess : public test::EachStartMethod {
  protected:
    template <class... A>
    static mp::Process started(A&&... arguments) {
        mp::Process process(std::forward<A>(arguments)...);
        process.start();
        return process;
    }
    static void expect_success(mp::Process process) {
        process.join();
        EXPECT_EQ(process.exitcode(), 0);
    }
};
INSTANTIATE_TEST_SUITE_P(EveryMethod, SemaphoreProcess, test::all_start_methods(),
                         test::name_of_parameter);

void hold_for_ever(mp::Semaphore sem, int count, mp::Event held) {
    for (int i = 0; i < count; ++i) sem.acquire();
    held.set();
    test::wait_for_ever();
}

void ping_pong(mp::Semaphore ping, mp::Semaphore pong, int turns) {
    for (int i = 0; i < turns; ++i) {
        ping.acquire();
        pong.release();
    }
}
TEST_P(SemaphoreProcess, two_processes_take_turns) {
    const mp::Semaphore ping(0), pong(0);
    mp::Process other = started(ping_pong, ping, pong, 100);
    for (int i = 0; i < 100; ++i) {
        ping.release();
        pong.acquire();
    }
    expect_success(std::move(other));
    EXPECT_EQ(ping.get_value() + pong.get_value(), 0);
}

void raise_through_a_child(mp::Queue<mp::Semaphore> semaphores, int generations) {
    if (generations == 0) {
        semaphores.get().release(2);
        return;
    }
    mp::Process child(raise_through_a_child, semaphores, generations - 1);
    child.start();
    child.join();
}
TEST_P(SemaphoreProcess, goes_to_grandchildren_through_a_queue) {
    const mp::Semaphore sem(0);
    const mp::Queue<mp::Semaphore> semaphores;
    semaphores.put(sem);
    expect_success(started(raise_through_a_child, semaphores, 2));
    EXPECT_EQ(sem.get_value(), 2);
}

void release_too_many(mp::Semaphore sem) {
    try {
        sem.release();
    } catch (const mp::ValueError&) {
        return;
    }
    mp::exit(1);
}
TEST_P(SemaphoreProcess, is_bounded_also_where_it_arrives_as_its_base) {
    const mp::BoundedSemaphore sem(1);
    expect_success(started(release_too_many, sem));
}

void release_global() {
    global.release();
    if (!global_limit.try_acquire()) mp::exit(1);
}
TEST_P(SemaphoreProcess, with_static_storage_is_one_for_the_program) {
    expect_success(started(release_global));
    EXPECT_TRUE(global.try_acquire());
    // Held by one that ended by itself.
    EXPECT_EQ(global_limit.get_value(), 1);
    global_limit.release();
}

const mp::Semaphore& of_a_function(int value, mp::Permits permits) {
    static const mp::Semaphore sem(value, permits);
    return sem;
}
void make_it_otherwise(int value, mp::Permits permits) {
    try {
        of_a_function(value, permits);
    } catch (const mp::ValueError& error) {
        const std::string text = error.what();
        for (const char* part :
             {"Semaphore(", "one semaphore for the program", "Semaphore(5)", "the same arguments"})
            if (text.find(part) == text.npos) throw;
        mp::exit(7);
    }
}
TEST_P(SemaphoreProcess, with_static_storage_is_made_with_the_same_arguments_everywhere) {
    of_a_function(5, mp::Permits::stay);
    const auto end_with = [](int value, mp::Permits permits) {
        mp::Process process = started(make_it_otherwise, value, permits);
        process.join();
        return process.exitcode();
    };
    EXPECT_EQ(end_with(5, mp::Permits::stay), 0);
    // A forked one has the parent's.
    const int refused = GetParam() == mp::StartMethod::fork ? 0 : 7;
    EXPECT_EQ(end_with(6, mp::Permits::stay), refused);
    EXPECT_EQ(end_with(5, mp::Permits::come_back), refused);
}

TEST_P(SemaphoreProcess, permits_of_a_killed_one_come_back_to_those_who_wait) {
    const mp::BoundedSemaphore sem(2);
    const mp::Event held;
    mp::Process holder = started(hold_for_ever, sem, 2, held);
    held.wait();
    EXPECT_FALSE(sem.try_acquire());
    holder.kill();
    sem.acquire();
    sem.acquire();
    holder.join();
    EXPECT_EQ(holder.exitcode(), -SIGKILL);
    sem.release(2);
    EXPECT_EQ(sem.get_value(), 2);
}

TEST_P(SemaphoreProcess, permits_of_a_killed_one_stay_taken_in_a_signal) {
    const mp::Semaphore sem(2);
    const mp::Event held;
    mp::Process holder = started(hold_for_ever, sem, 2, held);
    held.wait();
    holder.kill();
    holder.join();
    EXPECT_EQ(sem.get_value(), 0);
}

void take(mp::Semaphore sem) { sem.acquire(); }
TEST_P(SemaphoreProcess, permits_of_one_that_ended_by_itself_stay_taken_and_are_anybodys) {
    const mp::BoundedSemaphore sem(2);
    expect_success(started(take, sem));
    EXPECT_EQ(sem.get_value(), 1);
    sem.release();
    EXPECT_EQ(sem.get_value(), 2);
    EXPECT_THROW(sem.release(), mp::ValueError);
}

}  // namespace
