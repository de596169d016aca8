// SPDX-License-Identifier: Apache-2.0

// A process is killed at every step of listing a handle with static storage. Afterwards there is no
// entry or a whole one, and nothing is leaked.

#include <procession/error.hpp>

#include <gtest/gtest.h>
#include <signal.h>

#include "heap/directory.hpp"
#include "heap/object.hpp"
#include "os/kill_point.hpp"
#include "support/child.hpp"
#include "support/heap_work.hpp"

#ifdef PROCESSION_KILL_POINTS

namespace procession {
namespace {

using heap::Heap;
using heap::Offset;

constexpr std::uint64_t limit = 512ull << 20;
constexpr heap::StaticName first{1, 8}, second{1, 16};

std::pair<Offset, bool> find_or_make(Heap& heap, const heap::StaticName& name) {
    return find_or_make_static(heap, name,
                               [&] { return make_object(heap, heap::ObjectType::plain, 64); });
}

bool is_held_alone_by_directory(Heap& heap, Offset object) {
    const auto serial = heap.at<heap::ObjectHeader>(object)->serial;
    drop(heap, object, heap.self());
    return is_alive(heap, object, serial);
}

TEST(Directory, tells_variables_and_modules_apart) {
    Heap heap(Heap::create(limit));
    const auto [object, made] = find_or_make(heap, first);
    EXPECT_TRUE(made);
    EXPECT_EQ(find_or_make(heap, first), std::pair(object, false));
    EXPECT_TRUE(find_or_make(heap, second).second);
    EXPECT_TRUE(find_or_make(heap, {2, first.offset}).second);
    EXPECT_TRUE(is_held_alone_by_directory(heap, object));
}

TEST(Directory, keeps_what_a_process_made_that_is_gone) {
    Heap heap(Heap::create(limit));
    ASSERT_EQ(0, test::in_child([&] { find_or_make(heap, first); }));
    test::bury_everybody(heap);
    const auto [object, made] = find_or_make(heap, first);
    EXPECT_FALSE(made);
    EXPECT_TRUE(is_held_alone_by_directory(heap, object));
}

TEST(Directory, that_is_full_says_how_many_and_what_to_do) {
    Heap heap(Heap::create(limit));
    for (std::uint64_t i = 0; i < heap::directory_count; ++i) find_or_make(heap, {3, i});
    const auto before = heap.usage().blocks;
    try {
        find_or_make(heap, first);
        FAIL();
    } catch (const HeapExhausted& error) {
        for (const char* part : {"static storage", "4096", "pass them as arguments"})
            EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
    EXPECT_EQ(heap.usage().blocks, before);
    EXPECT_FALSE(find_or_make(heap, {3, 0}).second);
}

TEST(Directory, has_no_entry_of_what_could_not_be_made) {
    Heap heap(Heap::create(limit));
    EXPECT_THROW(find_or_make_static(heap, first, []() -> Offset { throw ValueError("no"); }),
                 ValueError);
    EXPECT_TRUE(find_or_make(heap, first).second);
}

class ListerKilledAt : public testing::TestWithParam<const char*> {
  protected:
    /// Has a process killed at each arrival at the point, and `look` what it left.
    template <class Look>
    void kill_at_each_arrival(Heap& heap, Look look) {
        int kills = 0;
        for (int nth = 1; nth < 100; ++nth) {
            const heap::StaticName name{2, static_cast<std::uint64_t>(nth)};
            const int status = test::in_child([&] {
                heap.self();
                os::select_kill_point(GetParam(), nth);
                find_or_make(heap, name);
            });
            if (status == 0) break;
            ASSERT_EQ(status, -SIGKILL);
            ++kills;
            look(name);
        }
        EXPECT_GT(kills, 0) << "the point was never reached";
    }
};

TEST_P(ListerKilledAt, leaves_no_entry_or_a_whole_one) {
    Heap heap(Heap::create(limit));
    find_or_make(heap, first);
    kill_at_each_arrival(heap, [&](const heap::StaticName& name) {
        const auto before = heap.usage().blocks;
        test::bury_everybody(heap);
        EXPECT_LE(heap.usage().blocks, before);
        const auto listed = heap.usage().blocks;
        const auto [object, made] = find_or_make(heap, name);
        EXPECT_EQ(heap.usage().blocks, listed + made);
        EXPECT_TRUE(is_held_alone_by_directory(heap, object));
        EXPECT_EQ(find_or_make(heap, name), std::pair(object, false));
    });
}

// The next one to look may come before the coroner.
TEST_P(ListerKilledAt, hinders_nobody_who_looks_before_the_burial) {
    Heap heap(Heap::create(limit));
    std::uint64_t listed = 0;
    kill_at_each_arrival(heap, [&](const heap::StaticName& name) {
        const Offset object = find_or_make(heap, name).first;
        test::bury_everybody(heap);
        EXPECT_TRUE(is_held_alone_by_directory(heap, object));
        EXPECT_EQ(find_or_make(heap, name), std::pair(object, false));
        EXPECT_EQ(heap.usage().blocks, ++listed);
    });
}

INSTANTIATE_TEST_SUITE_P(EveryPoint, ListerKilledAt,
                         testing::Values("lock.noted", "lock.taken", "alloc.claimed", "object.prepared",
                                         "object.listed", "object.made", "directory.written",
                                         "directory.committed", "directory.held",
                                         "lock.before_release"));

class RecovererKilledAt : public testing::TestWithParam<const char*> {};

TEST_P(RecovererKilledAt, the_next_one_finishes) {
    Heap heap(Heap::create(limit));
    ASSERT_EQ(-SIGKILL, test::in_child([&] {
        heap.self();
        os::select_kill_point("directory.committed");
        find_or_make(heap, second);
    }));
    ASSERT_EQ(-SIGKILL, test::in_child([&] {
        heap.self();
        os::select_kill_point(GetParam());
        test::bury_everybody(heap);
    }));
    test::bury_everybody(heap);
    const auto [object, made] = find_or_make(heap, second);
    EXPECT_FALSE(made);
    EXPECT_TRUE(is_held_alone_by_directory(heap, object));
}

INSTANTIATE_TEST_SUITE_P(EveryPoint, RecovererKilledAt,
                         testing::Values("lock.taken_over", "lock.recovered", "bury.recovered",
                                         "drop.cleared", "bury.dropped", "bury.freed"));

}  // namespace
}  // namespace procession

#endif
