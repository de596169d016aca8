// SPDX-License-Identifier: Apache-2.0

// Whoever uses a pipe, makes it, closes it or buries its user is killed at every planted point:
// nothing is torn or doubled, the end of file comes when it should, and the heap is as before.

#include <gtest/gtest.h>
#include <signal.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <utility>
#include <vector>

#include "support/child.hpp"
#include "support/killed_at.hpp"

#ifdef PROCESSION_KILL_POINTS

namespace {

using namespace std::chrono_literals;
using procession::heap::Heap;
namespace test = procession::test;
using test::KilledAt;

struct Item {
    int number;
    std::vector<int> payload;  ///< all equal to `number`

    static Item make(int number, std::size_t size) { return {number, std::vector<int>(size, number)}; }
    bool is_whole() const {
        return std::all_of(payload.begin(), payload.end(), [&](int each) { return each == number; });
    }
};

// ---------------------------------------------------------------- sending and receiving

void use(const mp::Connection& from, const mp::Connection& to) {
    // Short and long messages, over the end of a segment.
    for (int i = 0; i < 70; ++i) from.send(Item::make(i, i % 2 ? 1 : 300));
    for (int i = 0; i < 70; ++i) static_cast<void>(to.recv<Item>());
}

class PipeUserKilledAt : public KilledAt {};

TEST_P(PipeUserKilledAt, leaves_a_pipe_that_works) {
    for (const bool duplex : {true, false}) {
        auto [to, from] = mp::Pipe(duplex);
        use(from, to);
        for (const int nth : {1, 2, 3, 33, 34, 35, 69, 70}) {
            note(test::in_child([&] {
                select(nth);
                use(from, to);
            }));
            int last = -1;
            while (to.poll()) {
                const auto item = to.recv<Item>();
                EXPECT_TRUE(item.is_whole());
                EXPECT_GT(item.number, last);
                last = item.number;
            }
            use(from, to);
        }
        from.close();
        EXPECT_THROW(static_cast<void>(to.recv<Item>()), mp::EndOfFile);
    }
}

INSTANTIATE_TEST_SUITE_P(EveryPoint, PipeUserKilledAt,
                         testing::Values("put.segment_noted", "put.segment_given", "put.segment_linked",
                                         "put.segment_settled", "put.block_noted", "put.block_given",
                                         "put.written", "put.committed", "put.weighed", "put.settled",
                                         "put.counted", "take.segment_spent", "take.segment_passed",
                                         "take.place_written", "take.turned", "take.copied",
                                         "take.block_noted", "take.block_claimed", "take.block_owned",
                                         "queue.before_wake", "alloc.claimed", "free.freed"));

// ---------------------------------------------------------------- the last one of an end

class LastUserKilledAt : public KilledAt {};

TEST_P(LastUserKilledAt, leaves_what_was_sent_and_an_end_of_file) {
    for (const int nth : {1, 2, 20}) {
        auto [mine, theirs] = mp::Pipe();
        test::Event used, closed;
        const pid_t child = test::fork_to([&theirs = theirs, &used, &closed, nth] {
            static_cast<void>(theirs.poll());
            used.set();
            closed.wait();
            select(nth);
            for (int i = 0; i < 30; ++i) theirs.send(Item::make(i, i % 2 ? 1 : 300));
            theirs.close();
        });
        used.wait();
        theirs.close();
        closed.set();
        int next = 0;
        const auto receive_all = [&, &mine = mine] {
            for (;;) {
                const auto item = mine.recv<Item>();
                EXPECT_TRUE(item.is_whole());
                EXPECT_EQ(item.number, next++);
            }
        };
        EXPECT_THROW(receive_all(), mp::EndOfFile);
        EXPECT_TRUE(mine.poll());
        EXPECT_THROW(mine.send(1), mp::EndOfFile);
        note(test::end_of(child));
    }
}

INSTANTIATE_TEST_SUITE_P(EveryPoint, LastUserKilledAt,
                         testing::Values("put.block_noted", "put.block_given", "put.written",
                                         "put.committed", "put.counted", "queue.before_wake",
                                         "alloc.claimed", "drop.cleared", "destroy.begun", "pipe.ended",
                                         "pipe.discarded", "destroy.emptied", "destroy.owned",
                                         "destroy.unlisted", "free.freed"));

// ---------------------------------------------------------------- closing

class CloserKilledAt : public KilledAt {};

TEST_P(CloserKilledAt, leaves_an_end_of_file_and_closes_what_it_never_took) {
    for (const int nth : {1, 2, 3}) {
        auto [mine, theirs] = mp::Pipe();
        auto [peer, sent] = mp::Pipe();
        test::Event used, closed;
        const pid_t child = test::fork_to([&theirs = theirs, &used, &closed, nth] {
            static_cast<void>(theirs.poll());
            used.set();
            closed.wait();
            select(nth);
            theirs.close();
        });
        used.wait();
        theirs.close();
        mine.send(1);
        mine.send(std::move(sent));
        mine.send(Item::make(2, 300));
        closed.set();
        EXPECT_THROW(static_cast<void>(peer.recv<int>()), mp::EndOfFile);
        EXPECT_THROW(static_cast<void>(mine.recv<int>()), mp::EndOfFile);
        EXPECT_THROW(mine.send(1), mp::EndOfFile);
        note(test::end_of(child));
    }
}

INSTANTIATE_TEST_SUITE_P(EveryPoint, CloserKilledAt,
                         testing::Values("drop.cleared", "destroy.begun", "pipe.ended",
                                         "take.place_written", "take.turned", "take.block_noted",
                                         "take.block_claimed", "take.block_owned", "message.dropped",
                                         "pipe.discarded", "destroy.emptied", "destroy.owned",
                                         "destroy.unlisted", "free.freed"));

// ---------------------------------------------------------------- making

class MakerKilledAt : public KilledAt {};

TEST_P(MakerKilledAt, leaves_nothing) {
    for (const int nth : {1, 2, 3, 4})
        note(test::in_child([nth] {
            Heap::program().self();
            select(nth);
            for (const bool duplex : {true, false}) static_cast<void>(mp::Pipe(duplex));
        }));
}

INSTANTIATE_TEST_SUITE_P(EveryPoint, MakerKilledAt,
                         testing::Values("alloc.claimed", "object.prepared", "object.listed",
                                         "object.made", "pipe.end_made", "drop.cleared", "pipe.ended",
                                         "destroy.begun", "destroy.owned"));

// ---------------------------------------------------------------- burying

class CoronerKilledAt : public KilledAt {};

TEST_P(CoronerKilledAt, leaves_the_rest_to_the_next) {
    for (const int nth : {1, 2}) {
        auto [mine, theirs] = mp::Pipe();
        auto [peer, sent] = mp::Pipe();
        test::Event used, closed;
        const pid_t child = test::fork_to([&theirs = theirs, &used, &closed] {
            static_cast<void>(theirs.poll());
            used.set();
            closed.wait();
            theirs.send(7);
            ::kill(::getpid(), SIGKILL);
        });
        used.wait();
        theirs.close();
        mine.send(std::move(sent));
        closed.set();
        EXPECT_EQ(test::end_of(child), -SIGKILL);
        note(test::in_child([nth] {
            Heap::program().self();
            select(nth);
            test::bury_everybody(Heap::program());
        }));
        EXPECT_EQ(mine.recv<int>(), 7);
        EXPECT_THROW(static_cast<void>(mine.recv<int>()), mp::EndOfFile);
        EXPECT_THROW(static_cast<void>(peer.recv<int>()), mp::EndOfFile);
    }
}

INSTANTIATE_TEST_SUITE_P(EveryPoint, CoronerKilledAt,
                         testing::Values("bury.woken", "bury.recovered", "bury.mourned", "bury.dropped",
                                         "bury.freed", "mourn.mourned", "drop.cleared", "destroy.begun",
                                         "pipe.ended", "take.block_owned", "message.dropped",
                                         "pipe.discarded", "destroy.emptied", "destroy.owned",
                                         "destroy.unlisted", "free.freed"));

}  // namespace

#endif
