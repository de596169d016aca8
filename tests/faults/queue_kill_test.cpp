// SPDX-License-Identifier: Apache-2.0

// Putters, getters and coroners are killed at every planted point: nothing is torn, doubled or out of
// order, nobody hangs, and the heap is as before.

#include <gtest/gtest.h>
#include <signal.h>
#include <procession/mp.hpp>

#include "os/kill_point.hpp"
#include "support/child.hpp"
#include "support/heap_work.hpp"

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
    for (int i = 0; i < 70; ++i) queue.put(Item::make(0, i, i % 2 ? 1 : 300));
    for (int i = 0; i < 70; ++i) static_cast<void>(queue.get());
}

class QueueUserKilledAt : public testing::TestWithParam<const char*> {};

TEST_P(QueueUserKilledAt, leaves_a_queue_that_works_and_nothing_else) {
    mp::Queue<Item> queue;
    use(queue);
    int kills = 0;
    for (const int nth : {1, 2, 3, 33, 34, 35, 69, 70}) {
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
                         testing::Values("put.segment_noted", "put.segment_given", "put.segment_linked",
                                         "put.segment_settled", "put.block_noted", "put.block_given",
                                         "put.written", "put.committed", "put.settled", "put.counted",
                                         "take.segment_spent", "take.segment_passed",
                                         "take.place_written", "take.turned", "take.copied",
                                         "take.block_noted", "take.block_claimed", "take.block_owned",
                                         "alloc.claimed", "free.freed"));

// ---------------------------------------------------------------- JoinableQueue

void consume(const mp::JoinableQueue<Item>& queue) {
    for (int i = 0; i < 40; ++i) queue.put(Item::make(0, i, i % 2 ? 1 : 300));
    for (int i = 0; i < 20; ++i) {
        static_cast<void>(queue.get());
        queue.task_done();
    }
    // More at once than the first entries; some are done while they are read.
    std::vector<mp::Delivery<Item>> held;
    for (int i = 0; i < 20; ++i) held.push_back(queue.get_delivery());
    for (int i = 0; i < 20; ++i) queue.task_done();
}

class ConsumerKilledAt : public testing::TestWithParam<const char*> {};

TEST_P(ConsumerKilledAt, has_its_items_done_by_others) {
    mp::JoinableQueue<Item> queue(0, mp::OnDeath::redeliver, 2);
    int kills = 0;
    for (const int nth : {1, 2, 3, 19, 20}) {
        const int status = test::in_child([&] {
            Heap::program().self();
            // One that was given back, and one that is to be given up.
            queue.put(Item::make(0, 0, 1));
            test::in_child([&] { static_cast<void>(queue.get()); });
            test::bury_everybody(Heap::program());
            procession::os::select_kill_point(GetParam(), nth);
            static_cast<void>(queue.get());
            queue.task_done();
            consume(queue);
        });
        ASSERT_TRUE(status == 0 || status == -SIGKILL);
        kills += status != 0;
        test::bury_everybody(Heap::program());
        while (const auto item = queue.try_get()) {
            EXPECT_TRUE(item->whole());
            queue.task_done();
        }
        EXPECT_TRUE(queue.join());
        EXPECT_EQ(queue.qsize(), 0u);
        EXPECT_THROW(queue.task_done(), mp::ValueError) << "something is in flight";
        consume(queue);
        EXPECT_TRUE(queue.join());
    }
    EXPECT_GT(kills, 0) << "the point was never reached";
    queue = mp::JoinableQueue<Item>();
    EXPECT_LE(Heap::program().usage().blocks, 3u) << "the record, the queue and its segment";
}

INSTANTIATE_TEST_SUITE_P(EveryPoint, ConsumerKilledAt,
                         testing::Values("put.block_noted", "put.block_given", "put.committed",
                                         "put.settled", "put.counted", "flight.chunk_given",
                                         "flight.entered", "take.place_written", "take.turned",
                                         "flight.taken_again", "flight.read", "flight.done",
                                         "flight.counted", "flight.block_owned"));

class CoronerKilledAt : public testing::TestWithParam<const char*> {};

TEST_P(CoronerKilledAt, leaves_the_rest_to_the_next) {
    mp::JoinableQueue<Item> queue(0, mp::OnDeath::redeliver, 2);
    for (const bool lose : {false, true}) {
        for (int i = 0; i < 3; ++i) queue.put(Item::make(0, i, 300));
        const auto take_all_and_die = [&] {
            for (int i = 0; i < 3; ++i) static_cast<void>(queue.get());
        };
        if (lose) {
            test::in_child(take_all_and_die);
            test::bury_everybody(Heap::program());
        }
        const auto lost_before = queue.lost();
        test::in_child(take_all_and_die);
        test::in_child([&] {
            procession::os::select_kill_point(GetParam(), 2);
            test::bury_everybody(Heap::program());
            // Gives up what has come back too often.
            static_cast<void>(queue.join(std::chrono::seconds(0)));
        });
        test::bury_everybody(Heap::program());
        int again = 0;
        while (const auto item = queue.try_get()) {
            EXPECT_TRUE(item->whole());
            queue.task_done();
            ++again;
        }
        EXPECT_TRUE(queue.join());
        EXPECT_EQ(again, lose ? 0 : 3);
        EXPECT_EQ(queue.lost() - lost_before, lose ? 3u : 0u);
    }
    queue = mp::JoinableQueue<Item>();
    EXPECT_LE(Heap::program().usage().blocks, 3u);
}

INSTANTIATE_TEST_SUITE_P(EveryPoint, CoronerKilledAt,
                         testing::Values("flight.returned", "flight.loss_noted", "flight.lost",
                                         "flight.block_owned", "bury.mourned", "bury.freed"));

}  // namespace

#endif
