// SPDX-License-Identifier: Apache-2.0

// Waiters and notifiers are killed at every planted point, and at random: no notification is lost, nobody
// hangs, and the heap is as before.

#include <gtest/gtest.h>
#include <signal.h>
#include <procession/mp.hpp>

#include <map>
#include <random>
#include <vector>

#include "os/kill_point.hpp"
#include "support/child.hpp"
#include "support/event.hpp"
#include "support/heap_work.hpp"
#include "support/storm.hpp"
#include "support/waiting.hpp"

#ifdef PROCESSION_KILL_POINTS

namespace procession::test {
namespace {

using namespace std::chrono_literals;
using heap::Heap;

/// Takes the lock, whether or not its last holder lives.
void take(const mp::Condition& condition) {
    for (;;) {
        try {
            condition.acquire();
            return;
        } catch (const mp::OwnerDied&) {
            try {
                condition.recover();
                return;
            } catch (const mp::StateError&) {
                // Another was first.
            }
        }
    }
}
/// Waits with the lock held before and after. @returns whether it was notified
bool wait(const mp::Condition& condition, mp::Timeout timeout = forever) {
    try {
        return condition.wait(timeout);
    } catch (const mp::OwnerDied&) {
        take(condition);
        return true;
    }
}
void notify(const mp::Condition& condition, int n) {
    take(condition);
    condition.notify(n);
    condition.release();
}

/// One that waits once it has given up the lock.
pid_t start_waiter(const mp::Condition& condition, const char* kill_point = "none") {
    const Event locked;
    const pid_t pid = ::fork();
    if (pid == 0) {
        take(condition);
        locked.set();
        os::select_kill_point(kill_point);
        wait(condition);
        condition.release();
        ::_exit(0);
    }
    locked.wait();
    return pid;
}

class WaiterKilledAt : public testing::TestWithParam<const char*> {
  protected:
    static void test(bool dies_before) {
        const auto before = Heap::program().usage().blocks;
        {
            const mp::Condition condition;
            const pid_t killed = start_waiter(condition, GetParam());
            if (dies_before) {
                EXPECT_EQ(test::end_of(killed), -SIGKILL);
            }
            const pid_t waiter = start_waiter(condition);
            // One, which is for the older of the two if that lives.
            notify(condition, 1);
            EXPECT_EQ(test::end_of(waiter), 0);
            if (!dies_before) {
                EXPECT_EQ(test::end_of(killed), -SIGKILL);
            }
            bury_everybody(Heap::program());
            EXPECT_EQ(waiters_of(condition), 0);
        }
        EXPECT_LE(Heap::program().usage().blocks, before);
    }
};

class SleeperKilledAt : public WaiterKilledAt {};
INSTANTIATE_TEST_SUITE_P(EveryPoint, SleeperKilledAt,
                         testing::Values("condition.entered", "condition.released",
                                         "wait.before_sleep"));
TEST_P(SleeperKilledAt, is_not_counted) { test(true); }

class NotifiedKilledAt : public WaiterKilledAt {};
INSTANTIATE_TEST_SUITE_P(EveryPoint, NotifiedKilledAt,
                         testing::Values("wait.after_sleep", "condition.wait_ended",
                                         "condition.lock_taken"));
TEST_P(NotifiedKilledAt, takes_no_notification_along) { test(false); }

class NotifierKilledAt : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(EveryPoint, NotifierKilledAt,
                         testing::Values("answer.given", "lock.before_wake"));

TEST_P(NotifierKilledAt, has_notified_or_leaves_the_lock_abandoned) {
    const mp::Condition condition;
    const std::vector<pid_t> waiters{start_waiter(condition), start_waiter(condition)};
    const int status = in_child([&] {
        os::select_kill_point(GetParam());
        notify(condition, 2);
    });
    EXPECT_TRUE(status == -SIGKILL || status == 0);
    // Whoever finds the lock abandoned notifies all.
    notify(condition, 2);
    for (const pid_t waiter : waiters) EXPECT_EQ(test::end_of(waiter), 0);
}

TEST(LockHolder, that_is_killed_before_it_notifies_ends_the_waits) {
    const mp::Condition condition;
    std::vector<pid_t> waiters;
    for (int i = 0; i < 2; ++i) {
        const Event locked;
        waiters.push_back(::fork());
        if (waiters.back() == 0) {
            take(condition);
            locked.set();
            int told = 0;
            try {
                condition.wait();
                condition.release();
            } catch (const mp::OwnerDied&) {
                told = 1;
                take(condition);
                condition.release();
            }
            ::_exit(told);
        }
        locked.wait();
    }
    EXPECT_EQ(-SIGKILL, in_child([&] {
        take(condition);
        ::raise(SIGKILL);
    }));
    // One is told, and the other as well, unless the first has recovered the lock by then.
    const int first = end_of(waiters[0]), second = end_of(waiters[1]);
    EXPECT_TRUE((first == 0 || first == 1) && (second == 0 || second == 1));
    EXPECT_GE(first + second, 1);
}

class CoronerKilledAt : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(EveryPoint, CoronerKilledAt,
                         testing::Values("answer.given", "condition.passed_on", "mourn.mourned",
                                         "bury.mourned"));

TEST_P(CoronerKilledAt, the_notification_is_passed_on_all_the_same) {
    const mp::Condition condition(mp::Lock{});
    const pid_t killed = start_waiter(condition, "condition.wait_ended");
    const pid_t waiter = start_waiter(condition);
    notify(condition, 0);
    // It waits, or the lock could not have been had. Stopped, so that it is not the one that buries.
    ::kill(waiter, SIGSTOP);
    ::waitpid(waiter, nullptr, WUNTRACED);
    notify(condition, 1);
    EXPECT_EQ(test::end_of(killed), -SIGKILL);
    EXPECT_EQ(-SIGKILL, in_child([] {
        Heap::program().self();
        os::select_kill_point(GetParam());
        bury_everybody(Heap::program());
    }));
    ::kill(waiter, SIGCONT);
    EXPECT_EQ(test::end_of(waiter), 0);
}

// ---------------------------------------------------------------- storm

/// Units of work, as what the condition guards: those from `taken` to `made` are to be done.
struct Work {
    std::atomic<int> allowed{0}, made{0}, taken{0};
    std::atomic<heap::ParticipantId> inside{0};  ///< who has the lock
    std::atomic<int> wrong{0};
};

/// Who has the lock is alone; whoever died with it is not there any more.
class Alone {
  public:
    explicit Alone(Work& work) : work_(work) {
        const heap::ParticipantId before = work_.inside.exchange(Heap::program_self());
        if (before != 0 && !Heap::program().is_dead(before)) ++work_.wrong;
    }
    ~Alone() { work_.inside = 0; }

  private:
    Work& work_;
};

void produce(const mp::Condition& condition, Work& work) {
    for (;;) {
        wait_until([&] { return work.made < work.allowed; });
        take(condition);
        {
            const Alone alone(work);
            if (work.made < work.allowed) {
                ++work.made;
                condition.notify();
            }
        }
        condition.release();
    }
}

void consume(const mp::Condition& condition, Work& work, unsigned seed) {
    std::mt19937 random(seed);
    for (;;) {
        take(condition);
        while (work.taken == work.made) {
            // One whose time ran out does not look, so that it cannot make good for a lost notification.
            const bool hurried = random() % 4 == 0;
            while (!wait(condition, hurried ? mp::Timeout(100us) : forever)) {
            }
        }
        {
            const Alone alone(work);
            if (work.taken > work.made) ++work.wrong;
            ++work.taken;
        }
        condition.release();
    }
}

constexpr const char* points[] = {"condition.entered",  "condition.released",   "wait.before_sleep",
                                  "wait.after_sleep",   "condition.wait_ended", "condition.lock_taken",
                                  "answer.given",       "lock.before_wake",     "lock.before_sleep",
                                  "condition.passed_on"};

TEST(ConditionStorm, every_unit_of_work_that_was_notified_is_done) {
    const auto end = storm_end();
    Heap& heap = Heap::program();
    const heap::Offset witness = heap.allocate(sizeof(Work));
    Work& work = *new (heap.at<Work>(witness)) Work;
    heap.self();
    const auto before = heap.usage().blocks;
    int kills = 0;
    {
        const mp::Condition condition;
        std::mt19937 random(1990);
        std::map<pid_t, bool> running;
        const auto start = [&](bool producer) {
            const unsigned seed = random();
            const pid_t pid = ::fork();
            if (pid == 0) {
                // Most die at a planted point, some day.
                if (seed % 4) os::select_kill_point(points[seed % std::size(points)], seed % 200 + 1);
                if (producer)
                    produce(condition, work);
                else
                    consume(condition, work, seed);
            }
            running[pid] = producer;
        };
        for (int i = 0; i < 2; ++i) start(true);
        for (int i = 0; i < 4; ++i) start(false);
        const auto replace_dead = [&] {
            for (auto each = running.begin(); each != running.end();) {
                if (::waitpid(each->first, nullptr, WNOHANG) == 0) {
                    ++each;
                    continue;
                }
                const bool producer = each->second;
                running.erase(each++);
                ++kills;
                if (random() % 2) bury_everybody(heap);
                start(producer);
            }
        };
        while (std::chrono::steady_clock::now() < end) {
            work.allowed += static_cast<int>(random() % 100);
            if (random() % 2) {
                const int some = work.taken + static_cast<int>(random() % 50);
                wait_until(
                    [&] { return replace_dead(), work.taken >= std::min(some, work.allowed.load()); });
                const auto victim =
                    std::next(running.begin(), static_cast<long>(random() % running.size()));
                ::kill(victim->first, SIGKILL);
            }
            // All of it, though nobody looks without being notified.
            wait_until([&] { return replace_dead(), work.taken == work.allowed; });
        }
        for (const auto& [pid, producer] : running) {
            ::kill(pid, SIGKILL);
            ::waitpid(pid, nullptr, 0);
        }
        bury_everybody(heap);
        EXPECT_EQ(waiters_of(condition), 0);
    }
    EXPECT_EQ(work.wrong, 0);
    EXPECT_EQ(work.taken, work.made);
    EXPECT_GT(kills, 0);
    RecordProperty("kills", kills);
    RecordProperty("units", work.taken);
    EXPECT_LE(heap.usage().blocks, before);
    heap.free(witness);
}

TEST(ConditionStorm, processes_that_are_killed_lose_nothing) {
    const auto end = storm_end();
    Heap& heap = Heap::program();
    const heap::Offset witness = heap.allocate(sizeof(Work));
    Work& work = *new (heap.at<Work>(witness)) Work;
    const mp::Condition condition;
    std::mt19937 random(1990);
    std::vector<mp::Process> consumers;
    const auto start = [&] {
        mp::Process consumer(
            // No fork server, whose own blocks the cases after this would count.
            {.start_method = mp::StartMethod::fork},
            [](mp::Condition condition, heap::Offset witness, unsigned seed) {
                consume(condition, *Heap::program().at<Work>(witness), seed);
            },
            condition, witness, random());
        consumer.start();
        return consumer;
    };
    for (int i = 0; i < 3; ++i) consumers.push_back(start());
    while (std::chrono::steady_clock::now() < end) {
        for (std::uint32_t i = random() % 10; i > 0; --i) {
            take(condition);
            ++work.made;
            condition.notify();
            condition.release();
        }
        mp::Process& victim = consumers[random() % consumers.size()];
        victim.kill();
        victim.join();
        victim = start();
        wait_until([&] { return work.taken == work.made; });
    }
    for (mp::Process& consumer : consumers) {
        consumer.kill();
        consumer.join();
    }
    EXPECT_EQ(work.wrong, 0);
    EXPECT_GT(work.taken, 0);
    heap.free(witness);
}

}  // namespace
}  // namespace procession::test

#endif
