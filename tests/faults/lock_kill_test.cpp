// SPDX-License-Identifier: Apache-2.0

// Who holds a lock, waits for it or cleans up after its holder is killed at every planted point, and at
// random: the others are told or go on, and no two have it at once.

#include <gtest/gtest.h>
#include <signal.h>
#include <procession/mp.hpp>

#include <array>
#include <random>
#include <thread>

#include "os/kill_point.hpp"
#include "support/child.hpp"
#include "support/heap_work.hpp"
#include "support/proc.hpp"
#include "support/storm.hpp"

#ifdef PROCESSION_KILL_POINTS

namespace {

using procession::heap::Heap;
namespace test = procession::test;

constexpr std::array points{"lock.before_wake",     "lock.before_sleep", "life.wake_asked_for",
                            "life.flag_seen",       "bury.woken",        "bury.mourned",
                            "mourn.holder_written", "mourn.mourned",     "bury.dropped"};

/// What the lock guards, and who is at it: whole only when nobody is inside.
struct Guarded {
    int inside;  ///< a process
    long first, second;
    long broken;  ///< how often two were inside at once, or one found it half-written untold
};

bool is_gone(pid_t process) {
    const auto entry = test::process_entry(process);
    return !entry || entry->state == 'Z' || entry->state == 'X';
}

template <class L>
struct Scene {
    L lock;
    mp::RawValue<Guarded> guarded{};
    mp::RawValue<long> passed{0}, recovered{0};

    void pass() const {
        Guarded& it = guarded.value();
        try {
            lock.acquire();
            if (it.inside != 0 || it.first != it.second) ++it.broken;
        } catch (const mp::OwnerDied&) {
            try {
                lock.recover();
            } catch (const mp::StateError&) {
                return;  // another was first
            }
            // Of several deaths, one of which was its recoverer's, we may have been told of another.
            const pid_t last = it.inside;
            while (last != 0 && it.inside == last && !is_gone(last)) std::this_thread::yield();
            if (it.inside != last) ++it.broken;
            it.second = it.first;
            recovered.fetch_add(1);
        }
        it.inside = ::getpid();
        ++it.first;
        if (it.first % 8 == 0) std::this_thread::yield();
        ++it.second;
        it.inside = 0;
        lock.release();
        passed.fetch_add(1);
    }
};

template <class L>
class LockStorm : public testing::Test {};
using Locks = testing::Types<mp::Lock, mp::RLock>;
TYPED_TEST_SUITE(LockStorm, Locks);

TYPED_TEST(LockStorm, killed_holders_waiters_and_coroners_break_nothing) {
    const auto end = test::storm_end();
    const Scene<TypeParam> scene;
    std::mt19937 random(42);
    std::array<pid_t, 5> processes;
    const auto start = [&](pid_t& process) {
        const auto point = random() % (2 * points.size());
        const int nth = 1 + static_cast<int>(random() % 20);
        process = ::fork();
        if (process != 0) return;
        Heap::program().self();
        if (point < points.size()) procession::os::select_kill_point(points[point], nth);
        for (;;) scene.pass();
    };
    const auto end_of = [](pid_t process) {
        ::kill(process, SIGKILL);
        ::waitpid(process, nullptr, 0);
    };
    for (pid_t& process : processes) start(process);
    long kills = 0;
    while (std::chrono::steady_clock::now() < end) {
        // Somebody passes; and if they were all killed at their points, they are replaced.
        const long goal = scene.passed.get() + static_cast<long>(random() % 300);
        while (scene.passed.get() < goal) {
            for (pid_t& process : processes)
                if (::waitpid(process, nullptr, WNOHANG) == process) {
                    ++kills;
                    start(process);
                }
            std::this_thread::yield();
        }
        pid_t& victim = processes[random() % processes.size()];
        // Stopped first, now and then: whoever cleans up or was woken may also stand still.
        if (random() % 8 == 0) ::kill(victim, SIGSTOP);
        end_of(victim);
        ++kills;
        if (random() % 2) test::bury_everybody(Heap::program());
        start(victim);
    }
    for (const pid_t process : processes) end_of(process);
    test::bury_everybody(Heap::program());
    this->RecordProperty("kills", static_cast<int>(kills));
    EXPECT_GT(kills, 0);
    EXPECT_GT(scene.recovered.get(), 0) << "no holder was ever killed";
    EXPECT_EQ(scene.guarded.value().broken, 0);
    try {
        EXPECT_TRUE(scene.lock.acquire());
    } catch (const mp::OwnerDied&) {
        scene.lock.recover();
    }
    scene.lock.release();
    scene.pass();
}

// The kernel wakes one waiter of a dead owner. If that one is killed before it told the others, or
// stands still, they find out by themselves.
class WokenWaiter : public testing::TestWithParam<int> {};

TEST_P(WokenWaiter, that_goes_no_further_keeps_nobody_from_being_told) {
    const mp::Lock lock;
    const test::Event held;
    const pid_t holder = test::child_that_stays(held, [&] { lock.acquire(); });
    const mp::RawValue<int> told{0};
    std::array<pid_t, 3> waiters;
    for (std::size_t i = 0; i < waiters.size(); ++i) {
        waiters[i] = ::fork();
        if (waiters[i] == 0) {
            if (i == 0 && GetParam() == SIGKILL) procession::os::select_kill_point("life.flag_seen", 1);
            try {
                lock.acquire();
            } catch (const mp::OwnerDied&) {
                told.fetch_add(1);
            }
            ::_exit(0);
        }
        // The first to sleep is the one that the kernel wakes.
        test::wait_until_asleep(waiters[i]);
    }
    if (GetParam() == SIGSTOP) ::kill(waiters[0], SIGSTOP);
    ::kill(holder, SIGKILL);
    ::waitpid(holder, nullptr, 0);
    while (told.get() < 2) std::this_thread::yield();
    ::kill(waiters[0], SIGKILL);
    for (const pid_t waiter : waiters) ::waitpid(waiter, nullptr, 0);
}

INSTANTIATE_TEST_SUITE_P(KilledOrStopped, WokenWaiter, testing::Values(SIGKILL, SIGSTOP));

}  // namespace

#endif
