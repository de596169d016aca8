// SPDX-License-Identifier: Apache-2.0

// Parties are killed at every planted point, and at random: the others are told, nobody hangs, nobody goes on
// before all have come, and the heap is as before.

#include <gtest/gtest.h>
#include <signal.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <random>
#include <vector>

#include "os/kill_point.hpp"
#include "support/child.hpp"
#include "support/event.hpp"
#include "support/heap_work.hpp"
#include "support/storm.hpp"
#include "support/targets.hpp"
#include "support/waiting.hpp"

#ifdef PROCESSION_KILL_POINTS

namespace procession::test {
namespace {

using namespace std::string_view_literals;
using heap::Heap;

/// Waits until the barrier breaks.
pid_t start_party(const mp::Barrier& barrier, const char* kill_point = "none", int nth = 1) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        os::select_kill_point(kill_point, nth);
        try {
            for (;;) barrier.wait();
        } catch (const mp::BrokenBarrierError&) {
            ::_exit(0);
        }
    }
    return pid;
}

class PartyKilledAt : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(EveryPoint, PartyKilledAt,
                         testing::Values("barrier.joined", "barrier.came", "barrier.action_begins",
                                         "barrier.action_ended", "barrier.cycle_ended", "answer.given",
                                         "barrier.verdicts_written", "barrier.wait_ended", "lock.noted",
                                         "lock.taken", "lock.before_release", "wait.before_sleep",
                                         "wait.after_sleep"));

TEST_P(PartyKilledAt, breaks_the_barrier_which_then_begins_anew) {
    const auto before = Heap::program().usage().blocks;
    for (const int nth : {1, 2, 7}) {
        const mp::Barrier barrier(3, nothing);
        std::vector<pid_t> others{start_party(barrier), start_party(barrier)};
        // Found by those who wait.
        EXPECT_EQ(test::end_of(start_party(barrier, GetParam(), nth)), -SIGKILL);
        for (const pid_t other : others) EXPECT_EQ(test::end_of(other), 0);
        EXPECT_TRUE(barrier.broken());
        barrier.reset();
        // The dead are forgotten, whenever their coroner comes.
        bury_everybody(Heap::program());
        EXPECT_FALSE(barrier.broken());
        others = {start_party(barrier), start_party(barrier)};
        for (int i = 0; i < 10; ++i) barrier.wait();
        barrier.abort();
        for (const pid_t other : others) EXPECT_EQ(test::end_of(other), 0);
    }
    bury_everybody(Heap::program());
    EXPECT_LE(Heap::program().usage().blocks, before);
}

class EnderKilledAt : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(EveryPoint, EnderKilledAt,
                         testing::Values("barrier.cycle_ended", "answer.given",
                                         "barrier.verdicts_written", "lock.before_release"));

TEST_P(EnderKilledAt, has_let_all_pass_who_came_in_the_cycle) {
    const mp::Barrier barrier(3, nothing);
    std::vector<pid_t> others;
    for (int i = 0; i < 2; ++i) {
        others.push_back(::fork());
        if (others.back() == 0) {
            barrier.wait();  // throws if it is broken, and that ends it by a signal
            ::_exit(0);
        }
    }
    wait_until([&] { return barrier.n_waiting() == 2; });
    EXPECT_EQ(-SIGKILL, in_child([&] {
        // With an action the lock is taken twice, the second time to end the cycle.
        os::select_kill_point(GetParam(), GetParam() == "lock.before_release"sv ? 2 : 1);
        barrier.wait();
    }));
    for (const pid_t other : others) EXPECT_EQ(end_of(other), 0);
    EXPECT_TRUE(barrier.broken());
}

TEST(BarrierParty, that_nobody_has_missed_is_forgotten_by_reset) {
    const mp::Barrier barrier(2);
    const Event passed;
    const pid_t party = ::fork();
    if (party == 0) {
        barrier.wait();
        passed.set();
        wait_for_ever();
    }
    barrier.wait();
    passed.wait();
    ::kill(party, SIGKILL);
    EXPECT_EQ(end_of(party), -SIGKILL);
    barrier.reset();
    bury_everybody(Heap::program());
    EXPECT_FALSE(barrier.broken());
}

class BarrierCoronerKilledAt : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(EveryPoint, BarrierCoronerKilledAt,
                         testing::Values("obituary.written", "barrier.cycle_ended", "answer.given",
                                         "barrier.verdicts_written", "barrier.mourned",
                                         "mourn.mourned"));

TEST_P(BarrierCoronerKilledAt, the_others_are_told_all_the_same) {
    const mp::Barrier barrier(4);
    std::vector<pid_t> others{start_party(barrier), start_party(barrier)};
    const pid_t killed = start_party(barrier);
    wait_until([&] { return barrier.n_waiting() == 3; });
    for (const pid_t other : others) {
        ::kill(other, SIGSTOP);
        ::waitpid(other, nullptr, WUNTRACED);
    }
    ::kill(killed, SIGKILL);
    EXPECT_EQ(test::end_of(killed), -SIGKILL);
    EXPECT_EQ(-SIGKILL, in_child([] {
        Heap::program().self();
        os::select_kill_point(GetParam());
        bury_everybody(Heap::program());
    }));
    for (const pid_t other : others) ::kill(other, SIGCONT);
    for (const pid_t other : others) EXPECT_EQ(test::end_of(other), 0);
}

TEST(BarrierParty, that_is_killed_before_it_has_begun_breaks_the_barrier) {
    const mp::Barrier barrier(2);
    Heap::program().self();
    mp::Process process(
        {.start_method = mp::StartMethod::fork}, [](mp::Barrier given) { given.wait(); }, barrier);
    // In the child: this process has joined the heap.
    os::select_kill_point("join.life_taken");
    process.start();
    os::select_kill_point("none");
    EXPECT_THROW(barrier.wait(), mp::BrokenBarrierError);
    process.join();
    EXPECT_EQ(process.exitcode(), -SIGKILL);
}

// ---------------------------------------------------------------- storm

constexpr int parties = 4;

struct Witness {
    std::atomic<int> inside[parties]{};  ///< whether each has come and is not past
    std::atomic<std::uint64_t> trips{0};
    std::atomic<int> wrong{0};
};

Witness& witness_at(heap::Offset offset) { return *Heap::program().at<Witness>(offset); }

// Of this process's last run of the action.
bool one_was_missing = false;

void trip(heap::Offset witness) {
    Witness& seen = witness_at(witness);
    one_was_missing = std::ranges::any_of(seen.inside, [](const auto& party) { return party == 0; });
    ++seen.trips;
}

void pass_for_ever(const mp::Barrier& barrier, Witness& witness, int number) {
    for (;;) {
        const std::uint64_t before = witness.trips;
        witness.inside[number] = 1;
        try {
            const int index = barrier.wait();
            // The action was run after this one came, and found all of them. (If the barrier was broken
            // meanwhile, it may have found anything.)
            if (witness.trips == before) ++witness.wrong;
            if (index == parties - 1 && one_was_missing) ++witness.wrong;
            if (index < 0 || index >= parties) ++witness.wrong;
        } catch (const mp::BrokenBarrierError&) {
            // Whoever watches over all begins anew.
            wait_until([&] { return !barrier.broken(); });
        }
        witness.inside[number] = 0;
    }
}

constexpr const char* points[] = {
    "barrier.joined",      "barrier.came",      "barrier.action_begins",    "barrier.action_ended",
    "barrier.cycle_ended", "answer.given",      "barrier.verdicts_written", "barrier.wait_ended",
    "barrier.mourned",     "lock.taken",        "lock.before_release",      "lock.taken_over",
    "lock.recovered",      "wait.before_sleep", "wait.after_sleep"};

TEST(BarrierStorm, nobody_goes_on_alone_and_nobody_is_left_waiting) {
    const auto end = storm_end();
    Heap& heap = Heap::program();
    heap.self();
    const heap::Offset place = heap.allocate(sizeof(Witness));
    Witness& witness = *new (heap.at<Witness>(place)) Witness;
    const auto before = heap.usage().blocks;
    int kills = 0;
    {
        const mp::Barrier barrier(parties, mp::bind(trip, place));
        std::mt19937 random(1987);
        std::vector<pid_t> running(parties);
        const auto start = [&](int number) {
            const unsigned seed = random();
            const pid_t pid = ::fork();
            if (pid == 0) {
                if (seed % 3)
                    os::select_kill_point(points[seed % std::size(points)],
                                          static_cast<int>(seed % 100) + 1);
                pass_for_ever(barrier, witness, number);
            }
            running[static_cast<std::size_t>(number)] = pid;
        };
        for (int i = 0; i < parties; ++i) start(i);
        const auto replace_dead = [&] {
            for (int i = 0; i < parties; ++i) {
                if (::waitpid(running[static_cast<std::size_t>(i)], nullptr, WNOHANG) == 0) continue;
                ++kills;
                // Either the others know of the death before they begin anew, or it is forgotten then.
                if (random() % 2) bury_everybody(heap);
                barrier.reset();
                // Only now, when no cycle that it came in can be passed any more.
                witness.inside[i] = 0;
                start(i);
            }
            if (barrier.broken()) barrier.reset();
        };
        while (std::chrono::steady_clock::now() < end) {
            const std::uint64_t wanted = witness.trips + random() % 50;
            wait_until([&] { return replace_dead(), witness.trips >= wanted; });
            ::kill(running[random() % running.size()], SIGKILL);
        }
        for (const pid_t pid : running) {
            ::kill(pid, SIGKILL);
            ::waitpid(pid, nullptr, 0);
        }
        bury_everybody(heap);
        EXPECT_EQ(barrier.n_waiting(), 0);
    }
    EXPECT_EQ(witness.wrong, 0);
    EXPECT_GT(kills, 0);
    EXPECT_GT(witness.trips, 0u);
    RecordProperty("kills", kills);
    RecordProperty("trips", static_cast<int>(witness.trips));
    EXPECT_LE(heap.usage().blocks, before);
    heap.free(place);
}

}  // namespace
}  // namespace procession::test

#endif
