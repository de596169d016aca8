// SPDX-License-Identifier: Apache-2.0

// Those who set an event and those who wait for it are killed: nobody sleeps on.

#include <procession/mp.hpp>

#include <gtest/gtest.h>
#include <signal.h>

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
namespace test = procession::test;

void kill(pid_t pid) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
    test::bury_everybody(Heap::program());
}

class SetterKilledAt : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(EveryPoint, SetterKilledAt,
                         testing::Values("synchronize.changed", "wake.flag_marked", "wake.woken"));

TEST_P(SetterKilledAt, has_woken_all_who_wait) {
    const mp::Event event;
    std::vector<pid_t> waiters;
    for (int i = 0; i < 3; ++i) waiters.push_back(test::fork_to([&] { event.wait(); }));
    for (const pid_t waiter : waiters)
        while (test::process_entry(waiter)->state != 'S') std::this_thread::yield();
    EXPECT_EQ(-SIGKILL, test::in_child([&] {
        select_kill_point(GetParam());
        event.set();
    }));
    test::bury_everybody(Heap::program());
    event.clear();
    for (const pid_t waiter : waiters) {
        int status = -1;
        EXPECT_EQ(::waitpid(waiter, &status, 0), waiter);
        EXPECT_EQ(status, 0);
    }
}

TEST(EventStorm, every_wait_ends) {
    const auto end = test::storm_end();
    constexpr std::size_t waiters = 4, setters = 2;
    const mp::Event event;
    const auto at = Heap::program().allocate(waiters * sizeof(std::atomic<std::uint64_t>));
    auto* const returned = Heap::program().at<std::atomic<std::uint64_t>>(at);
    std::vector<pid_t> pids(waiters + setters);
    const auto start = [&](std::size_t member) {
        if (member < waiters) returned[member] = 0;
        pids[member] = test::fork_to([&] {
            for (;;) {
                if (member < waiters) {
                    event.wait();
                    ++returned[member];
                } else {
                    event.set();
                    event.clear();
                }
            }
        });
    };
    for (std::size_t i = 0; i < pids.size(); ++i) start(i);
    std::mt19937 random(5);
    int kills = 0;
    while (std::chrono::steady_clock::now() < end) {
        for (std::size_t i = 0; i < waiters; ++i) {
            const std::uint64_t before = returned[i];
            while (returned[i] == before) std::this_thread::yield();
        }
        const std::size_t victim = random() % pids.size();
        kill(pids[victim]);
        ++kills;
        start(victim);
    }
    for (const pid_t pid : pids) kill(pid);
    RecordProperty("kills", kills);
    EXPECT_GT(kills, 0);
    Heap::program().free(at);
}

}  // namespace

#endif
