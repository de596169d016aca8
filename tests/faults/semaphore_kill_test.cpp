// SPDX-License-Identifier: Apache-2.0

// Processes are killed at every planted point, and at random. Of a limit no permit is lost and none is
// there twice; a signal keeps what was counted; nobody sleeps on.

#include <procession/mp.hpp>

#include <gtest/gtest.h>
#include <signal.h>

#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include "os/kill_point.hpp"
#include "support/child.hpp"
#include "support/heap_work.hpp"
#include "support/proc.hpp"
#include "support/storm.hpp"

#ifdef PROCESSION_KILL_POINTS

namespace {

using procession::heap::Heap;
using procession::os::select_kill_point;
namespace heap = procession::heap;
namespace test = procession::test;

void bury_everybody() { test::bury_everybody(Heap::program()); }

void kill(pid_t pid) {
    ::kill(pid, SIGKILL);
    EXPECT_EQ(test::end_of(pid), -SIGKILL);
}

void wait_until_asleep(pid_t pid) {
    while (test::process_entry(pid)->state != 'S') std::this_thread::yield();
}

/// A process that ends by itself, not by a signal, with what it holds.
[[noreturn]] void end_by_itself() {
    Heap::program().note_own_end(0);
    ::_exit(0);
}

/// A process that waits for a permit, takes it and ends by itself.
pid_t start_waiter(const mp::Semaphore& sem, const char* kill_point = nullptr) {
    const pid_t pid = test::fork_to([&] {
        select_kill_point(kill_point, 1);
        sem.acquire();
        end_by_itself();
    });
    wait_until_asleep(pid);
    return pid;
}

pid_t start_holder(const mp::Semaphore& sem, int count) {
    const test::Event ready;
    return test::child_that_stays(ready, [&] {
        for (int i = 0; i < count; ++i) sem.acquire();
    });
}

void hold_and_end(const mp::Semaphore& sem, int count) {
    EXPECT_EQ(0, test::in_child([&] {
                  for (int i = 0; i < count; ++i) sem.acquire();
                  end_by_itself();
              }));
    bury_everybody();
}

/// Whatever is still taken is released; then the bound must hold.
void expect_all_permits_work(const mp::Semaphore& sem, int count) {
    if (const int taken = count - sem.get_value()) sem.release(taken);
    for (int i = 0; i < count; ++i) EXPECT_TRUE(sem.try_acquire());
    EXPECT_FALSE(sem.try_acquire());
    sem.release(count);
    EXPECT_THROW(sem.release(), mp::ValueError);
    EXPECT_EQ(sem.get_value(), count);
}

/// Has a process do `work` and killed at the first point that it comes to, then at the second, and so on
/// as long as there is one. @returns how many there were
int kill_at_each_point_in_turn(auto prepare, auto work, auto check) {
    for (int nth = 1;; ++nth) {
        prepare();
        const int end = test::end_of(test::fork_to([&] {
            Heap::program().self();
            select_kill_point("", nth);
            work();
            select_kill_point(nullptr, 0);
        }));
        check();
        if (end == 0) return nth - 1;
        if (end != -SIGKILL) ADD_FAILURE() << "ended with " << end << " at point " << nth;
    }
}

// ---------------------------------------------------------------- a limit

TEST(LimitUserKilledAnywhere, leaves_every_permit) {
    std::optional<mp::BoundedSemaphore> sem;
    pid_t holder = 0, waiter = 0;
    const int points = kill_at_each_point_in_turn(
        [&] {
            sem.emplace(4);
            hold_and_end(*sem, 1);
            holder = start_holder(*sem, 3);
            waiter = start_waiter(*sem);
        },
        [&] {
            // One of the ended and one of the holder; the waiter has one of them.
            sem->release(2);
            sem->acquire();
            sem->release();
            sem->acquire();
        },
        [&] {
            bury_everybody();
            kill(holder);
            bury_everybody();
            EXPECT_EQ(test::end_of(waiter), 0);
            bury_everybody();
            // The waiter's stays taken, and perhaps that of the other one that ended by itself.
            EXPECT_GE(sem->get_value(), 2);
            EXPECT_LE(sem->get_value(), 3);
            expect_all_permits_work(*sem, 4);
        });
    EXPECT_GT(points, 20);
}

TEST(CoronerKilledAnywhere, permits_of_a_killed_holder_come_back) {
    std::optional<mp::BoundedSemaphore> sem;
    pid_t waiter = 0;
    const int points = kill_at_each_point_in_turn(
        [&] {
            sem.emplace(3);
            EXPECT_TRUE(sem->acquire());
            const pid_t holder = start_holder(*sem, 2);
            waiter = start_waiter(*sem);
            // It would bury the holder as well.
            ::kill(waiter, SIGSTOP);
            ::waitpid(waiter, nullptr, WUNTRACED);
            kill(holder);
        },
        [] { bury_everybody(); },
        [&] {
            bury_everybody();
            EXPECT_EQ(sem->get_value(), 2);
            ::kill(waiter, SIGCONT);
            EXPECT_EQ(test::end_of(waiter), 0);
            bury_everybody();
            EXPECT_EQ(sem->get_value(), 1);
            expect_all_permits_work(*sem, 3);
        });
    EXPECT_GT(points, 10);
}

TEST(CoronerKilledAnywhere, permits_of_one_that_ended_by_itself_stay_taken_until_anybody_releases_them) {
    std::optional<mp::BoundedSemaphore> sem;
    const int points = kill_at_each_point_in_turn(
        [&] {
            sem.emplace(3);
            EXPECT_EQ(0, test::in_child([&] {
                          sem->acquire();
                          sem->acquire();
                          end_by_itself();
                      }));
        },
        [] { bury_everybody(); },
        [&] {
            bury_everybody();
            EXPECT_EQ(sem->get_value(), 1);
            expect_all_permits_work(*sem, 3);
        });
    EXPECT_GT(points, 10);
}

TEST(Limit, whose_holder_nobody_buries_is_given_on_by_those_who_wait) {
    const mp::Semaphore sem(1, mp::Permits::come_back);
    kill(start_holder(sem, 1));
    EXPECT_TRUE(sem.try_acquire());
    sem.release();
    const pid_t holder = start_holder(sem, 1);
    const pid_t waiter = start_waiter(sem);
    kill(holder);
    EXPECT_EQ(test::end_of(waiter), 0);
}

TEST(Limit, never_has_more_permits_come_back_than_there_were_at_first) {
    const mp::Semaphore sem(1, mp::Permits::come_back);
    sem.release(2);
    kill(start_holder(sem, 3));
    bury_everybody();
    EXPECT_EQ(sem.get_value(), 1);
    // The other two are anybody's to release, as if their holder had ended by itself.
    sem.release(2);
    EXPECT_EQ(sem.get_value(), 3);
}

TEST(Limit, released_by_another_leaves_nothing_to_come_back) {
    const mp::BoundedSemaphore sem(2);
    const pid_t holder = start_holder(sem, 2);
    sem.release();
    kill(holder);
    bury_everybody();
    EXPECT_EQ(sem.get_value(), 2);
    EXPECT_THROW(sem.release(), mp::ValueError);
}

TEST(Limit, keeps_books_for_any_number_of_holders) {
    const mp::BoundedSemaphore sem(1000);
    std::vector<pid_t> holders;
    for (int i = 0; i < 200; ++i) holders.push_back(start_holder(sem, 2));
    EXPECT_EQ(sem.get_value(), 600);
    for (const pid_t holder : holders) kill(holder);
    bury_everybody();
    expect_all_permits_work(sem, 1000);
    EXPECT_EQ(sem.get_value(), 1000);
}

// ---------------------------------------------------------------- a signal

TEST(Signal, that_a_killed_process_has_taken_stays_taken) {
    const mp::Semaphore sem(2);
    kill(start_holder(sem, 1));
    bury_everybody();
    EXPECT_EQ(sem.get_value(), 1);
}

TEST(SignallerKilledAnywhere, has_woken_those_who_wait) {
    std::optional<mp::Semaphore> sem;
    pid_t waiter = 0;
    const int points = kill_at_each_point_in_turn(
        [&] {
            sem.emplace(0);
            waiter = start_waiter(*sem);
        },
        [&] { sem->release(); },
        [&] {
            bury_everybody();
            EXPECT_EQ(test::end_of(waiter), 0);
            EXPECT_EQ(sem->get_value(), 0);
        });
    EXPECT_EQ(points, 3) << "changed, and before and after the wake-up";
}

class WaiterKilled : public testing::TestWithParam<mp::Permits> {};
INSTANTIATE_TEST_SUITE_P(Kinds, WaiterKilled,
                         testing::Values(mp::Permits::stay, mp::Permits::come_back));

TEST_P(WaiterKilled, after_it_was_woken_does_not_swallow_the_permit) {
    int killed_first = 0;
    for (int turn = 0; turn < 20; ++turn) {
        const mp::Semaphore sem(0, GetParam());
        const pid_t killed = start_waiter(sem, "wait.after_sleep");
        const pid_t waiter = start_waiter(sem);
        sem.release();
        // Either may be the one that is woken, and the killed one's timed sleep ends as well.
        EXPECT_EQ(test::end_of(killed), -SIGKILL);
        killed_first += sem.get_value();
        bury_everybody();
        EXPECT_EQ(test::end_of(waiter), 0);
        EXPECT_EQ(sem.get_value(), 0);
    }
    EXPECT_GT(killed_first, 0);
}

// ---------------------------------------------------------------- storms

/// What a storm's processes share; at an offset, so that also those find it that did not inherit it.
template <class T>
T& shared(heap::Offset offset) {
    return *Heap::program().at<T>(offset);
}
template <class T>
heap::Offset make_shared() {
    const heap::Offset offset = Heap::program().allocate(sizeof(T));
    new (&shared<T>(offset)) T;
    return offset;
}

void wait_until(const auto& condition) {
    while (!condition()) std::this_thread::yield();
}

constexpr int crew = 8;

/// Says how many are within, exactly, whoever is killed: a bit for each, all read at once.
struct Witness {
    std::atomic<std::uint64_t> within{0};
    std::atomic<heap::ParticipantId> who[crew]{};
    std::atomic<std::uint64_t> turns{0};
    std::atomic<int> too_many{0};

    /// @returns how many of the living were within at the moment that this one came.
    int enter(int member) {
        // Read before: a dead one's bit is not to be taken for its successor's.
        heap::ParticipantId then[crew];
        for (int i = 0; i < crew; ++i) then[i] = who[i];
        const std::uint64_t bit = std::uint64_t{1} << member;
        const std::uint64_t all = within.fetch_or(bit) | bit;
        int count = 0;
        for (int i = 0; i < crew; ++i)
            count += all >> i & 1 && then[i] != 0 && !Heap::program().is_dead(then[i]);
        return count;
    }
    void leave(int member) { within.fetch_and(~(std::uint64_t{1} << member)); }
    void forget(int member) {
        leave(member);
        who[member] = 0;
    }
};

constexpr int limit = 3;

void go_in_and_out(mp::BoundedSemaphore sem, heap::Offset at, int member) {
    auto& witness = shared<Witness>(at);
    witness.who[member] = Heap::program().self();
    for (;;) {
        const std::scoped_lock guard(sem);
        if (witness.enter(member) > limit) ++witness.too_many;
        ++witness.turns;
        if (member % 2) std::this_thread::yield();
        witness.leave(member);
    }
}

class LimitStorm : public testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(StartedBy, LimitStorm, testing::Bool(),
                         [](const auto& info) { return info.param ? "Process" : "fork"; });

TEST_P(LimitStorm, no_permit_is_lost_and_none_is_there_twice) {
    const auto end = test::storm_end();
    const mp::BoundedSemaphore sem(limit);
    const heap::Offset at = make_shared<Witness>();
    auto& witness = shared<Witness>(at);
    std::vector<mp::Process> processes(crew);
    std::vector<pid_t> forked(crew);
    const auto start = [&](int member) {
        witness.forget(member);
        if (GetParam()) {
            processes[std::size_t(member)] = mp::Process(go_in_and_out, sem, at, member);
            processes[std::size_t(member)].start();
        } else {
            forked[std::size_t(member)] = test::fork_to([&] { go_in_and_out(sem, at, member); });
        }
    };
    const auto stop = [&](int member) {
        if (GetParam()) {
            processes[std::size_t(member)].kill();
            processes[std::size_t(member)].join();
        } else {
            kill(forked[std::size_t(member)]);
        }
    };
    for (int i = 0; i < crew; ++i) start(i);
    std::mt19937 random(7);
    int kills = 0;
    while (std::chrono::steady_clock::now() < end) {
        const std::uint64_t target = witness.turns + random() % 200;
        wait_until([&] { return witness.turns >= target; });
        const int victim = static_cast<int>(random() % crew);
        stop(victim);
        ++kills;
        // Else those who wait find the dead one.
        if (random() % 2) bury_everybody();
        start(victim);
    }
    for (int i = 0; i < crew; ++i) stop(i);
    bury_everybody();
    RecordProperty("kills", kills);
    EXPECT_GT(kills, 0);
    EXPECT_EQ(witness.too_many, 0);
    EXPECT_EQ(sem.get_value(), limit);
    expect_all_permits_work(sem, limit);
    Heap::program().free(at);
}

constexpr int capacity = 8;

struct Fill {
    std::atomic<int> filled{0};
    std::atomic<std::uint64_t> moved{0};
    std::atomic<int> overflows{0}, underflows{0};
};

TEST(SignalStorm, a_buffer_of_two_semaphores_never_overflows) {
    const auto end = test::storm_end();
    std::mt19937 random(11);
    int all_kills = 0;
    while (std::chrono::steady_clock::now() < end) {
        const mp::Semaphore room(capacity), items(0);
        const heap::Offset at = make_shared<Fill>();
        auto& fill = shared<Fill>(at);
        std::vector<pid_t> pids(6);
        const auto start = [&](std::size_t member) {
            pids[member] = test::fork_to([&] {
                for (;;) {
                    if (member % 2) {
                        room.acquire();
                        if (fill.filled.fetch_add(1) >= capacity) ++fill.overflows;
                        items.release();
                    } else {
                        items.acquire();
                        if (fill.filled.fetch_sub(1) <= 0) ++fill.underflows;
                        room.release();
                        ++fill.moved;
                    }
                }
            });
        };
        for (std::size_t i = 0; i < pids.size(); ++i) start(i);
        int kills = 0;
        // Each may take a place of the buffer along. One is left, so it goes on for ever.
        for (; kills < capacity - 1; ++kills) {
            const std::uint64_t target = fill.moved + random() % 200;
            wait_until([&] { return fill.moved >= target; });
            const std::size_t victim = random() % pids.size();
            kill(pids[victim]);
            bury_everybody();
            start(victim);
        }
        for (const pid_t pid : pids) kill(pid);
        bury_everybody();
        kills += static_cast<int>(pids.size());
        all_kills += kills;
        EXPECT_EQ(fill.overflows, 0);
        EXPECT_EQ(fill.underflows, 0);
        const int left = room.get_value() + items.get_value();
        EXPECT_LE(left, capacity);
        EXPECT_GE(left, capacity - kills);
        Heap::program().free(at);
    }
    RecordProperty("kills", all_kills);
    EXPECT_GT(all_kills, 0);
}

}  // namespace

#endif
