// SPDX-License-Identifier: Apache-2.0

// A process is killed at every planted point of the heap's work. Afterwards the others go on, and the
// heap holds what it held before.

#include <gtest/gtest.h>
#include <signal.h>

#include "heap/lock.hpp"
#include "heap/waiting.hpp"
#include "os/kill_point.hpp"
#include "support/child.hpp"
#include "support/heap_work.hpp"

#ifdef PROCESSION_KILL_POINTS

namespace procession {
namespace {

using heap::Heap;
using test::bury_everybody;
using test::work;

constexpr std::uint64_t limit = 512ull << 20;

class KilledAt : public testing::TestWithParam<const char*> {};

TEST_P(KilledAt, leaves_nothing_and_stops_nobody) {
    Heap heap(Heap::create(limit));
    work(heap);
    const auto before = heap.usage();
    int kills = 0;
    for (int nth = 1; nth < 400; ++nth) {
        const int status = test::in_child([&] {
            heap.self();
            os::select_kill_point(GetParam(), nth);
            work(heap);
        });
        if (status == 0) break;
        ASSERT_EQ(status, -SIGKILL);
        ++kills;
        bury_everybody(heap);
        ASSERT_EQ(heap.usage().blocks, before.blocks) << "killed at arrival " << nth;
        work(heap);
        ASSERT_EQ(heap.usage().blocks, before.blocks) << "killed at arrival " << nth;
    }
    EXPECT_GT(kills, 0) << "the point was never reached";
    // Slabs may have been added, but no more than the size classes that are in use.
    EXPECT_LE(heap.usage().used_bytes, before.used_bytes + (4u << 20));
}

INSTANTIATE_TEST_SUITE_P(EveryPoint, KilledAt,
                         testing::Values("alloc.claimed", "free.released", "free.freed", "run.continued",
                                         "run.before_commit", "run.committed", "run.before_free",
                                         "run.head_freed", "run.freed", "object.prepared",
                                         "object.listed", "object.made", "message.held",
                                         "message.dropped", "drop.cleared", "destroy.begun",
                                         "destroy.emptied", "destroy.owned", "destroy.unlisted",
                                         "lock.noted", "lock.taken", "lock.before_release"));

class CoronerKilledAt : public testing::TestWithParam<const char*> {};

TEST_P(CoronerKilledAt, the_next_one_finishes) {
    Heap heap(Heap::create(limit));
    work(heap);
    const auto before = heap.usage();
    // One dies in the middle of its work, holding the arena's lock, blocks and objects.
    ASSERT_EQ(-SIGKILL, test::in_child([&] {
        make_object(heap, heap::ObjectType::plain, 64);
        os::select_kill_point("run.head_freed");
        work(heap);
    }));
    ASSERT_EQ(-SIGKILL, test::in_child([&] {
        heap.self();
        os::select_kill_point(GetParam());
        bury_everybody(heap);
    }));
    bury_everybody(heap);
    EXPECT_EQ(heap.usage().blocks, before.blocks);
    work(heap);
    EXPECT_EQ(heap.usage().blocks, before.blocks);
}

INSTANTIATE_TEST_SUITE_P(EveryPoint, CoronerKilledAt,
                         testing::Values("bury.woken", "bury.recovered", "bury.dropped", "bury.freed",
                                         "lock.taken_over", "lock.recovered", "drop.cleared",
                                         "destroy.begun", "destroy.owned", "free.freed"));

class JoinKilledAt : public testing::TestWithParam<const char*> {};

TEST_P(JoinKilledAt, the_slot_is_not_lost) {
    Heap heap(Heap::create(limit));
    heap.self();
    for (int i = 0; i < 5; ++i)
        ASSERT_EQ(-SIGKILL, test::in_child([&] {
            os::select_kill_point(GetParam());
            heap.self();
        }));
    bury_everybody(heap);
    int taken = 0;
    for (std::uint32_t i = 1; i < heap::slot_count; ++i) taken += heap.slot(i).id.load() != 0;
    EXPECT_EQ(taken, 1);
}

INSTANTIATE_TEST_SUITE_P(EveryPoint, JoinKilledAt,
                         testing::Values("join.life_taken", "join.prepared", "join.joined"));

class WaiterKilledAt : public testing::TestWithParam<const char*> {};

TEST_P(WaiterKilledAt, the_others_are_woken) {
    Heap heap(Heap::create(limit));
    auto& point = *heap.at<heap::WaitPoint>(heap.allocate(sizeof(heap::WaitPoint)));
    auto& items = *heap.at<std::atomic<int>>(heap.allocate(sizeof(std::atomic<int>)));
    new (&point) heap::WaitPoint;
    items = 0;
    const auto take = [&] {
        heap::Operation operation(heap);
        return wait(
            operation, point,
            [&] {
                int have = items.load();
                while (have > 0 && !items.compare_exchange_weak(have, have - 1)) {
                }
                return have > 0;
            },
            os::Deadline::never());
    };
    const pid_t killed = ::fork();
    if (killed == 0) {
        os::select_kill_point(GetParam());
        take();
        ::_exit(0);
    }
    const pid_t survivor = ::fork();
    if (survivor == 0) ::_exit(take() == heap::Waited::ready ? 0 : 1);
    items = 2;
    notify(point);
    int status = 0;
    ASSERT_EQ(::waitpid(survivor, &status, 0), survivor);
    EXPECT_EQ(status, 0);
    ASSERT_EQ(::waitpid(killed, &status, 0), killed);
}

INSTANTIATE_TEST_SUITE_P(EveryPoint, WaiterKilledAt,
                         testing::Values("wait.before_sleep", "wait.after_sleep"));

}  // namespace
}  // namespace procession

#endif
