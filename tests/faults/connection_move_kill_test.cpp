// SPDX-License-Identifier: Apache-2.0

// Whoever moves an end of a pipe, or sends or receives a very long message, is killed at every planted point:
// an end is somewhere or closed, and nothing stands in the way of the next message.

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <cstring>
#include <thread>
#include <utility>
#include <vector>

#include "support/child.hpp"
#include "support/killed_at.hpp"

#ifdef PROCESSION_KILL_POINTS

namespace {

using procession::heap::Heap;
namespace test = procession::test;
using test::KilledAt;

// ---------------------------------------------------------------- moving

/// What has become of an end: used by whoever has it, or closed.
enum class Fate { used, closed };

Fate fate_seen_by(const mp::Connection& peer) {
    try {
        static_cast<void>(peer.recv<int>());
        return Fate::used;
    } catch (const mp::EndOfFile&) {
        return Fate::closed;
    }
}

class MoverKilledAt : public KilledAt {};

TEST_P(MoverKilledAt, has_moved_the_end_or_closed_it) {
    for (const int nth : {1, 2, 3}) {
        auto [mine, theirs] = mp::Pipe();
        auto [peer, moved] = mp::Pipe();
        test::Event used, closed;
        const pid_t child = test::fork_to([&theirs = theirs, &moved = moved, &used, &closed, nth] {
            static_cast<void>(theirs.poll());
            static_cast<void>(moved.poll());
            used.set();
            closed.wait();
            select(nth);
            theirs.send(std::move(moved));
            theirs.close();
        });
        used.wait();
        theirs.close();
        moved.close();
        closed.set();
        Fate fate = Fate::closed;
        try {
            const auto received = mine.recv<mp::Connection>();
            received.send(1);
            fate = Fate::used;
        } catch (const mp::EndOfFile&) {
        }
        EXPECT_EQ(fate_seen_by(peer), fate);
        EXPECT_THROW(static_cast<void>(mine.recv<int>()), mp::EndOfFile);
        note(test::end_of(child));
    }
}

INSTANTIATE_TEST_SUITE_P(EveryPoint, MoverKilledAt,
                         testing::Values("alloc.claimed", "message.held", "put.block_noted",
                                         "put.block_given", "put.committed", "put.weighed",
                                         "put.settled", "put.counted", "queue.before_wake",
                                         "drop.cleared", "pipe.ended"));

class ReceiverOfAnEndKilledAt : public KilledAt {};

TEST_P(ReceiverOfAnEndKilledAt, leaves_it_to_others_or_closes_it) {
    for (const int nth : {1, 2, 3}) {
        auto [mine, theirs] = mp::Pipe();
        auto [peer, moved] = mp::Pipe();
        mine.send(std::move(moved));
        note(test::in_child([&theirs = theirs, nth] {
            static_cast<void>(theirs.poll());
            select(nth);
            const auto received = theirs.recv<mp::Connection>();
            received.send(1);
        }));
        test::bury_everybody(Heap::program());
        if (theirs.poll()) theirs.recv<mp::Connection>().send(2);
        static_cast<void>(fate_seen_by(peer));
        EXPECT_THROW(static_cast<void>(peer.recv<int>()), mp::EndOfFile);
        mine.send(3);
        EXPECT_EQ(theirs.recv<int>(), 3);
    }
}

INSTANTIATE_TEST_SUITE_P(EveryPoint, ReceiverOfAnEndKilledAt,
                         testing::Values("take.block_noted", "take.block_claimed", "take.block_owned",
                                         "take.place_written", "take.turned", "queue.before_wake",
                                         "drop.cleared", "message.dropped", "free.freed", "put.written",
                                         "put.committed", "destroy.begun", "pipe.ended",
                                         "pipe.discarded"));

// ---------------------------------------------------------------- very long messages

class SpoolSenderKilledAt : public KilledAt {};

TEST_P(SpoolSenderKilledAt, leaves_nothing_in_the_way_of_the_next) {
    const std::vector<char> bytes(17 * 1024 * 1024, 'x');
    for (const int nth : {1, 2, 5}) {
        auto [mine, theirs] = mp::Pipe();
        const pid_t child = test::fork_to([&theirs = theirs, &bytes, nth] {
            static_cast<void>(theirs.poll());
            select(nth);
            theirs.send_bytes(bytes);
            theirs.send(1);
        });
        std::thread next([&theirs = theirs, child, this] {
            note(test::end_of(child));
            theirs.send(2);
        });
        bool came = false;
        for (int received = 0; received != 2;) {
            const auto message = mine.recv_bytes();
            if (message.size() == sizeof received)
                std::memcpy(&received, message.data(), sizeof received);
            else
                EXPECT_TRUE(message.size() == bytes.size() && !std::exchange(came, true));
        }
        next.join();
    }
}

INSTANTIATE_TEST_SUITE_P(EveryPoint, SpoolSenderKilledAt,
                         testing::Values("object.made", "pipe.end_made", "message.held",
                                         "put.block_noted", "put.block_given", "put.committed",
                                         "drop.cleared"));

class SpoolReceiverKilledAt : public KilledAt {};

TEST_P(SpoolReceiverKilledAt, sets_its_sender_free) {
    const std::vector<char> bytes(17 * 1024 * 1024, 'x');
    for (const int nth : {1, 2, 5}) {
        auto [mine, theirs] = mp::Pipe();
        const pid_t child = test::fork_to([&theirs = theirs, nth] {
            static_cast<void>(theirs.poll());
            select(nth);
            static_cast<void>(theirs.recv_bytes());
        });
        std::thread sender([&mine = mine, &bytes] {
            mine.send_bytes(bytes);
            mine.send(1);
        });
        note(test::end_of(child));
        test::bury_everybody(Heap::program());
        // It is there still if the receiver died before it had taken it.
        try {
            EXPECT_EQ(theirs.recv<int>(), 1);
        } catch (const mp::TypeMismatch&) {
            EXPECT_EQ(theirs.recv_bytes().size(), bytes.size());
            EXPECT_EQ(theirs.recv<int>(), 1);
        }
        sender.join();
    }
}

INSTANTIATE_TEST_SUITE_P(EveryPoint, SpoolReceiverKilledAt,
                         testing::Values("take.block_noted", "take.block_claimed", "take.block_owned",
                                         "take.turned", "free.freed", "message.dropped",
                                         "queue.before_wake"));

}  // namespace

#endif
