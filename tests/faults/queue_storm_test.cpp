// SPDX-License-Identifier: Apache-2.0

// Putters, getters and coroners are killed at random moments and at planted points, while others go on:
// no item comes twice, torn or out of order, none is lost but what a killed getter held, nobody hangs,
// and in the end the heap is as before.

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <stdexcept>
#include <thread>
#include <vector>

#include "support/heap_work.hpp"
#include "support/message_record.hpp"
#include "support/mortals.hpp"
#include "support/storm.hpp"

#ifdef PROCESSION_KILL_POINTS

namespace {

using namespace std::chrono_literals;
using procession::heap::Heap;
namespace test = procession::test;

using test::Got;
using test::Item;
using test::Mortals;
using test::Record;

/// The next that a getter says. Nothing for so long is a wedge: putters and getters are alive all the time.
Got next(const mp::Queue<Got>& witness, Mortals& mortals) {
    for (const auto end = std::chrono::steady_clock::now() + 20s;
         std::chrono::steady_clock::now() < end;) {
        if (const auto got = witness.try_get(100ms)) return *got;
        mortals.replace_dead();
    }
    throw std::runtime_error("nobody gets anything: wedged");
}

struct Shape {
    const char* name;
    std::size_t maxsize;
    std::size_t long_payload;  ///< every third item's
    bool in_bursts;            ///< the queue grows, and shrinks again
    std::size_t many;          ///< as many are put and got together
    int coroners;              ///< processes that bury the dead, and are killed as well
};

void PrintTo(const Shape& shape, std::ostream* out) { *out << shape.name; }

class QueueStorm : public testing::TestWithParam<Shape> {};

TEST_P(QueueStorm, killed_putters_and_getters_disturb_nobody) {
    const Shape& shape = GetParam();
    Heap::program().self();
    const auto blocks_before = Heap::program().usage().blocks;
    Record record;
    std::size_t held = 0;
    int kills = 0;
    {
        const mp::Queue<Item> queue(shape.maxsize);
        const mp::Queue<Got> witness(10'000);
        const auto item = [&](int putter, int number) {
            const std::size_t length = number % 3 == 0 ? shape.long_payload : 2;
            return Item{putter, number, std::vector<int>(length, number)};
        };
        const Mortals::Role putter = [&](int life) {
            for (int number = 0;;) {
                while (shape.in_bursts && number % 2000 == 0 && queue.qsize() > 100)
                    std::this_thread::yield();
                if (shape.many == 1) {
                    queue.put(item(life, number++));
                } else {
                    std::vector<Item> items;
                    while (items.size() < shape.many) items.push_back(item(life, number++));
                    queue.put_many(items);
                }
            }
        };
        const auto tell = [&](int life, const Item& item) {
            witness.put({life, item.putter, item.number, item.is_whole()});
        };
        const Mortals::Role getter = [&](int life) {
            for (;;) {
                if (shape.many == 1)
                    tell(life, queue.get());
                else
                    for (const Item& each : queue.get_many(shape.many)) tell(life, each);
            }
        };
        const Mortals::Role coroner = [](int) {
            for (;;) {
                test::bury_everybody(Heap::program());
                std::this_thread::yield();
            }
        };
        {
            Mortals mortals;
            for (int i = 0; i < 3; ++i) {
                mortals.start(putter);
                mortals.start(getter);
            }
            for (int i = 0; i < shape.coroners; ++i) mortals.start(coroner);
            const auto end = test::storm_end();
            while (std::chrono::steady_clock::now() < end) {
                for (std::uint32_t i = mortals.random()() % 300; i > 0; --i)
                    record.note(next(witness, mortals));
                mortals.strike();
                if (shape.coroners == 0) test::bury_everybody(Heap::program());
            }
            mortals.kill_all();
            kills = mortals.kills();
        }
        test::bury_everybody(Heap::program());
        while (const auto got = witness.try_get()) record.note(*got);
        // What is there still was not lost.
        while (const auto left = queue.try_get())
            record.note({0, left->putter, left->number, left->is_whole()});
        EXPECT_EQ(queue.qsize(), 0u);
        held = static_cast<std::size_t>(kills) * shape.many;
    }
    RecordProperty("kills", kills);
    RecordProperty("items", static_cast<int>(record.count()));
    RecordProperty("lost", static_cast<int>(record.lost()));
    EXPECT_GT(kills, 0);
    EXPECT_GT(record.count(), 0u);
    EXPECT_EQ(record.doubles(), 0u);
    EXPECT_EQ(record.disorder(), 0u);
    EXPECT_LE(record.lost(), held);
    EXPECT_EQ(Heap::program().usage().blocks, blocks_before);
}

INSTANTIATE_TEST_SUITE_P(Shapes, QueueStorm,
                         testing::Values(Shape{"bounded", 100, 300, false, 1, 0},
                                         Shape{"one_item", 1, 300, false, 1, 0},
                                         Shape{"grows_and_shrinks", 0, 300, true, 1, 0},
                                         Shape{"large_blocks", 4, 10'000'000 / sizeof(int), false, 1, 0},
                                         Shape{"many_at_once", 500, 300, false, 40, 0},
                                         Shape{"coroners_too", 100, 300, false, 1, 2}),
                         [](const auto& shape) { return shape.param.name; });

// Every item is done in the end, however often those that had it were killed; only what they had done
// without saying so is done again.
TEST(JoinableQueueStorm, every_item_is_done) {
    Heap::program().self();
    const auto blocks_before = Heap::program().usage().blocks;
    Record record;
    int kills = 0;
    {
        // Nothing is given up.
        const mp::JoinableQueue<Item> queue(100, mp::OnDeath::redeliver, 1'000'000);
        const mp::Queue<Got> witness(10'000);
        const Mortals::Role putter = [&](int life) {
            for (int number = 0;; ++number)
                queue.put({life, number, std::vector<int>(number % 3 == 0 ? 300 : 2, number)});
        };
        const auto work_on = [&](int life, const Item& item) {
            witness.put({life, item.putter, item.number, item.is_whole()});
            queue.task_done();
        };
        const Mortals::Role one_by_one = [&](int life) {
            for (;;) work_on(life, queue.get());
        };
        const Mortals::Role several = [&](int life) {
            for (;;)
                for (const Item& item : queue.get_many(7)) work_on(life, item);
        };
        {
            Mortals mortals;
            for (int i = 0; i < 2; ++i) {
                mortals.start(putter);
                mortals.start(one_by_one);
                mortals.start(several);
            }
            const auto end = test::storm_end();
            while (std::chrono::steady_clock::now() < end) {
                for (std::uint32_t i = mortals.random()() % 300; i > 0; --i)
                    record.note(next(witness, mortals));
                mortals.strike();
                test::bury_everybody(Heap::program());
            }
            mortals.kill_all();
            kills = mortals.kills();
        }
        test::bury_everybody(Heap::program());
        while (const auto got = witness.try_get()) record.note(*got);
        while (const auto left = queue.try_get()) {
            record.note({0, left->putter, left->number, left->is_whole()});
            queue.task_done();
        }
        EXPECT_TRUE(queue.join());
        EXPECT_EQ(queue.lost(), 0u);
    }
    RecordProperty("kills", kills);
    RecordProperty("items", static_cast<int>(record.count()));
    EXPECT_GT(kills, 0);
    EXPECT_GT(record.count(), 0u);
    EXPECT_EQ(record.lost(), 0u);
    // At most what the killed ones had in hand.
    EXPECT_LE(record.doubles(), static_cast<std::size_t>(kills) * 7);
    EXPECT_EQ(Heap::program().usage().blocks, blocks_before);
}

}  // namespace

#endif
