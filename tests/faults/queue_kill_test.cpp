// SPDX-License-Identifier: Apache-2.0

// Putters and getters are killed at every planted point, and at random: nothing is torn, doubled or out
// of order, nobody hangs, and the heap is as before.

#include <gtest/gtest.h>
#include <signal.h>
#include <procession/mp.hpp>

#include <map>
#include <random>
#include <set>

#include "os/kill_point.hpp"
#include "support/child.hpp"
#include "support/heap_work.hpp"
#include "support/storm.hpp"

#ifdef PROCESSION_KILL_POINTS

namespace {

using namespace std::chrono_literals;
using procession::heap::Heap;
namespace test = procession::test;

struct Item {
    int putter;
    int number;
    std::vector<int> payload;  ///< all equal to `number`

    static Item make(int putter, int number, std::size_t size) {
        return {putter, number, std::vector<int>(size, number)};
    }
    bool whole() const {
        for (const int each : payload)
            if (each != number) return false;
        return true;
    }
};

void use(const mp::Queue<Item>& queue) {
    // Short and long messages, over the end of a segment.
    for (int i = 0; i < 70; ++i) queue.put(Item::make(0, i, i % 2 ? 1 : 100));
    for (int i = 0; i < 70; ++i) static_cast<void>(queue.get());
}

class QueueUserKilledAt : public testing::TestWithParam<const char*> {};

TEST_P(QueueUserKilledAt, leaves_a_queue_that_works_and_nothing_else) {
    mp::Queue<Item> queue;
    use(queue);
    int kills = 0;
    for (const int nth : {1, 2, 3, 64, 65, 66, 70}) {
        const int status = test::in_child([&] {
            Heap::program().self();
            procession::os::select_kill_point(GetParam(), nth);
            use(queue);
        });
        ASSERT_TRUE(status == 0 || status == -SIGKILL);
        kills += status != 0;
        test::bury_everybody(Heap::program());
        int last = -1;
        while (const auto item = queue.try_get()) {
            EXPECT_TRUE(item->whole());
            EXPECT_GT(item->number, last);
            last = item->number;
        }
        use(queue);
    }
    EXPECT_GT(kills, 0) << "the point was never reached";
    const auto before = Heap::program().usage().blocks;
    queue = mp::Queue<Item>();
    // The old queue went, with all that it had; the new one has as much as an empty one has.
    EXPECT_LE(Heap::program().usage().blocks, before);
    EXPECT_LE(Heap::program().usage().blocks, 3u) << "the record, the queue and its segment";
}

INSTANTIATE_TEST_SUITE_P(EveryPoint, QueueUserKilledAt,
                         testing::Values("put.segment_made", "put.segment_linked", "put.segment_added",
                                         "put.block_named", "put.block_given", "put.written",
                                         "put.committed", "get.segment_spent", "get.segment_passed",
                                         "get.block_seen", "get.block_claimed", "get.block_owned",
                                         "get.copied", "get.committed", "alloc.claimed", "free.freed"));

TEST(QueueStorm, killed_putters_and_getters_disturb_nobody) {
    const auto end = test::storm_end();
    mp::Queue<Item> queue(100), witness;
    // What the survivors got, by putter; a putter is one life of a process.
    const auto put_for_ever = [&](int putter) {
        for (int i = 0;; ++i) queue.put(Item::make(putter, i, i % 3 ? 2 : 200));
    };
    const auto get_for_ever = [&] {
        for (;;) witness.put(queue.get());
    };
    std::map<pid_t, bool> running;
    int putters = 0;
    const auto start = [&](bool putter) {
        if (putter) ++putters;
        const pid_t pid = ::fork();
        if (pid == 0) {
            if (putter)
                put_for_ever(putters);
            else
                get_for_ever();
        }
        running[pid] = putter;
    };
    for (int i = 0; i < 3; ++i) {
        start(true);
        start(false);
    }
    std::mt19937 random(42);
    std::set<std::pair<int, int>> seen;
    int kills = 0;
    while (std::chrono::steady_clock::now() < end) {
        // No item for so long is a wedge: three putters and three getters are alive all the time.
        for (std::uint32_t i = random() % 300; i > 0; --i) {
            const Item item = witness.get(20s);
            ASSERT_TRUE(item.whole());
            ASSERT_TRUE(seen.emplace(item.putter, item.number).second) << "came twice";
        }
        const auto victim = std::next(running.begin(), static_cast<long>(random() % running.size()));
        const bool putter = victim->second;
        ::kill(victim->first, SIGKILL);
        ::waitpid(victim->first, nullptr, 0);
        running.erase(victim);
        ++kills;
        test::bury_everybody(Heap::program());
        start(putter);
    }
    for (const auto& [pid, putter] : running) {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
    }
    test::bury_everybody(Heap::program());
    queue.shutdown(true);
    witness.shutdown(true);
    RecordProperty("kills", kills);
    EXPECT_GT(kills, 0);
    EXPECT_GT(seen.size(), 0u);
    EXPECT_EQ(queue.qsize(), 0u);
}

}  // namespace

#endif
