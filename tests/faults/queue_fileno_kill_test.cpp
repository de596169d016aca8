// SPDX-License-Identifier: Apache-2.0

// Putters are killed while another process polls: whatever they have put makes its descriptor readable.

#include <gtest/gtest.h>
#include <signal.h>
#include <procession/mp.hpp>

#include <random>

#include "os/kill_point.hpp"
#include "support/bells.hpp"
#include "support/child.hpp"
#include "support/heap_work.hpp"
#include "support/storm.hpp"

#ifdef PROCESSION_KILL_POINTS

namespace {

using procession::heap::Heap;
namespace test = procession::test;
using Item = std::vector<int>;

struct Case {
    const char* point;
    bool committed;  ///< the item is in the queue by then
};

class PutterKilledAt : public testing::TestWithParam<Case> {};

TEST_P(PutterKilledAt, has_rung_if_it_has_put) {
    int kills = 0;
    for (const bool buried : {false, true}) {
        for (const std::size_t size : {1u, 300u}) {
            mp::Queue<Item> queue;
            const int fd = queue.fileno();
            const auto put_one = [&](const char* kill_point) {
                test::wait_until_bell_threads_sleep();
                return test::in_child([&] {
                    Heap::program().self();
                    procession::os::select_kill_point(kill_point);
                    queue.put(Item(size, 7));
                });
            };
            const auto get_one = [&] {
                test::wait_until_readable(fd);
                EXPECT_EQ(queue.get_nowait(), Item(size, 7));
                EXPECT_FALSE(test::is_readable(fd));
            };
            // Some points come only at the end of a segment.
            int status = 0;
            for (int i = 0; i < 200 && status == 0; ++i) {
                status = put_one(GetParam().point);
                if (status == 0) get_one();
            }
            if (status != 0) {
                EXPECT_EQ(status, -SIGKILL);
                ++kills;
                if (buried) test::bury_everybody(Heap::program());
                if (GetParam().committed) get_one();
                EXPECT_THROW(static_cast<void>(queue.get_nowait()), mp::Empty);
                EXPECT_FALSE(test::is_readable(fd));
            }
            // And the next one's put is heard.
            EXPECT_EQ(put_one("none"), 0);
            get_one();
        }
    }
    test::bury_everybody(Heap::program());
    EXPECT_GT(kills, 0) << "the point was never reached";
}

INSTANTIATE_TEST_SUITE_P(EveryPoint, PutterKilledAt,
                         testing::Values(Case{"put.segment_noted", false},
                                         Case{"put.segment_given", false},
                                         Case{"put.segment_linked", false},
                                         Case{"put.segment_settled", false},
                                         Case{"put.block_noted", false}, Case{"put.block_given", false},
                                         Case{"put.written", false}, Case{"put.committed", true},
                                         Case{"put.settled", true}, Case{"put.counted", true},
                                         Case{"wake.flag_marked", true}, Case{"wake.woken", true}));

// Each putter waits until its item was taken before it puts the next one: a ring that is lost would
// leave everybody asleep.
TEST(QueueFilenoStorm, killed_putters_leave_nothing_unheard) {
    struct Numbered {
        int putter, number;
    };
    const auto end = test::storm_end();
    mp::Queue<Numbered> queue;
    std::vector<mp::Queue<int>> taken(2);
    const int fd = queue.fileno();
    std::vector<pid_t> running(taken.size());
    std::vector<int> lives(taken.size()), next(taken.size());
    int life = 0;
    const auto start = [&](std::size_t place) {
        lives[place] = ++life;
        next[place] = 0;
        running[place] = test::fork_to([&, place] {
            for (int i = 0;; ++i) {
                queue.put({life, i});
                while (taken[place].get() != life) {
                }
            }
        });
    };
    for (std::size_t i = 0; i < taken.size(); ++i) start(i);
    std::mt19937 random(42);
    int kills = 0, items = 0;
    while (std::chrono::steady_clock::now() < end) {
        for (const int wanted = items + static_cast<int>(random() % 100); items < wanted;) {
            test::wait_until_readable(fd);
            while (const auto item = queue.try_get()) {
                for (std::size_t i = 0; i < taken.size(); ++i) {
                    if (item->putter != lives[i]) continue;
                    EXPECT_EQ(item->number, next[i]++);
                    taken[i].put(item->putter);
                    ++items;
                }
            }
        }
        const std::size_t victim = random() % taken.size();
        ::kill(running[victim], SIGKILL);
        EXPECT_EQ(test::end_of(running[victim]), -SIGKILL);
        ++kills;
        if (random() % 2) test::bury_everybody(Heap::program());
        start(victim);
    }
    for (const pid_t pid : running) {
        ::kill(pid, SIGKILL);
        test::end_of(pid);
    }
    test::bury_everybody(Heap::program());
    RecordProperty("kills", kills);
    EXPECT_GT(kills, 0);
    EXPECT_GT(items, 0);
}

}  // namespace

#endif
