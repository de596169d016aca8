// SPDX-License-Identifier: Apache-2.0

// Processes that share the ends of pipes, or move them among themselves, are killed at random moments and
// at planted points: no message comes twice, torn or out of order, none is lost but what a killed one
// held, each wait ends, and in the end the heap is as before.

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <cstring>
#include <span>
#include <stdexcept>
#include <thread>
#include <utility>
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

/// The next that one of them says. Nothing for so long is a wedge: some of each role are always alive.
template <class T>
T next(const mp::Queue<T>& witness, Mortals& mortals) {
    for (const auto end = std::chrono::steady_clock::now() + 20s;
         std::chrono::steady_clock::now() < end;) {
        if (const auto said = witness.try_get(100ms)) return *said;
        mortals.replace_dead();
    }
    throw std::runtime_error("nobody gets anything: wedged");
}

// ---------------------------------------------------------------- shared ends

// As bytes: who, which one, and then all the same.
void send_as_bytes(const mp::Connection& to, const Item& item) {
    std::vector<int> all{item.putter, item.number};
    all.insert(all.end(), item.payload.begin(), item.payload.end());
    to.send_bytes(std::as_bytes(std::span(all)));
}
Item from_bytes(const std::vector<std::byte>& bytes) {
    std::vector<int> all(bytes.size() / sizeof(int));
    std::memcpy(all.data(), bytes.data(), all.size() * sizeof(int));
    return {all.at(0), all.at(1), {all.begin() + 2, all.end()}};
}

struct Shape {
    const char* name;
    std::size_t long_payload;  ///< every third item's
    bool as_bytes;
    bool duplex;
    int coroners;   ///< processes that bury the dead, and are killed as well
    unsigned pace;  ///< so many messages at most between two kills
};
void PrintTo(const Shape& shape, std::ostream* out) { *out << shape.name; }

class SharedEndsStorm : public testing::TestWithParam<Shape> {};

TEST_P(SharedEndsStorm, killed_senders_and_receivers_disturb_nobody) {
    const Shape& shape = GetParam();
    Heap::program().self();
    const auto blocks_before = Heap::program().usage().blocks;
    test::Record record;
    int kills = 0;
    {
        auto [to, from] = mp::Pipe(shape.duplex);
        const mp::Queue<Got> witness(10'000);
        const Mortals::Role sender = [&, &from = from](int life) {
            const auto own = from.dup();
            for (int number = 0;; ++number) {
                const Item item{life, number,
                                std::vector<int>(number % 3 == 0 ? shape.long_payload : 2, number)};
                const auto& end = number % 2 ? own : from;
                if (shape.as_bytes)
                    send_as_bytes(end, item);
                else
                    end.send(item);
            }
        };
        const auto tell = [&](int life, const Item& item) {
            witness.put({life, item.putter, item.number, item.is_whole()});
        };
        const Mortals::Role receiver = [&, &to = to](int life) {
            for (;;) {
                static_cast<void>(to.poll(1ms));
                tell(life, shape.as_bytes ? from_bytes(to.recv_bytes()) : to.recv<Item>());
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
                mortals.start(sender);
                mortals.start(receiver);
            }
            for (int i = 0; i < shape.coroners; ++i) mortals.start(coroner);
            const auto end = test::storm_end();
            while (std::chrono::steady_clock::now() < end) {
                for (auto i = mortals.random()() % shape.pace; i > 0; --i)
                    record.note(next(witness, mortals));
                mortals.strike();
            }
            mortals.kill_all();
            kills = mortals.kills();
        }
        test::bury_everybody(Heap::program());
        while (const auto got = witness.try_get()) record.note(*got);
        // What is there still was not lost.
        from.close();
        const auto receive_the_rest = [&, &to = to] {
            for (;;) {
                const Item left = shape.as_bytes ? from_bytes(to.recv_bytes()) : to.recv<Item>();
                record.note({0, left.putter, left.number, left.is_whole()});
            }
        };
        EXPECT_THROW(receive_the_rest(), mp::EndOfFile);
    }
    RecordProperty("kills", kills);
    RecordProperty("messages", static_cast<int>(record.count()));
    RecordProperty("lost", static_cast<int>(record.lost()));
    EXPECT_GT(kills, 0);
    EXPECT_GT(record.count(), 0u);
    EXPECT_EQ(record.doubles(), 0u);
    EXPECT_EQ(record.disorder(), 0u);
    EXPECT_LE(record.lost(), static_cast<std::size_t>(kills));
    EXPECT_EQ(Heap::program().usage().blocks, blocks_before);
}

constexpr std::size_t spooled = 17 * 1024 * 1024 / sizeof(int);

INSTANTIATE_TEST_SUITE_P(Shapes, SharedEndsStorm,
                         testing::Values(Shape{"values", 300, false, true, 0, 300},
                                         Shape{"bytes_one_way", 300, true, false, 0, 300},
                                         Shape{"large_blocks", 10'000'000 / sizeof(int), false, true, 0,
                                               30},
                                         Shape{"very_long_bytes", spooled, true, true, 0, 30},
                                         Shape{"coroners_too", 300, false, false, 2, 300}),
                         [](const auto& shape) { return shape.param.name; });

// ---------------------------------------------------------------- ends that move

/// An end, and how many messages were sent at it.
using Token = std::pair<mp::Connection, int>;

// Clients make pipes, and give one end away. Movers hand those on among themselves and send a message at
// each. A client receives all of them, one after the other, until the end of file.
TEST(MovedEndsStorm, an_end_is_somewhere_or_closed) {
    struct Seen {
        int messages;
        bool in_order;
    };
    Heap::program().self();
    const auto blocks_before = Heap::program().usage().blocks;
    int kills = 0, ends = 0, ended = 0, messages = 0;
    {
        std::vector<mp::ConnectionPair> hubs;
        for (int i = 0; i < 3; ++i) hubs.push_back(mp::Pipe(i % 2));
        const mp::Queue<Seen> witness(10'000);
        constexpr int enough = 50;
        const Mortals::Role client = [&](int life) {
            for (int i = life;; ++i) {
                auto [mine, theirs] = mp::Pipe();
                hubs[i % hubs.size()].second.send(Token(std::move(theirs), 0));
                Seen seen{0, true};
                try {
                    for (; seen.messages < enough; ++seen.messages)
                        seen.in_order &= mine.recv<int>() == seen.messages;
                } catch (const mp::EndOfFile&) {
                }
                witness.put(seen);
            }
        };
        const Mortals::Role mover = [&](int life) {
            for (int i = life;; ++i) {
                const auto& hub = hubs[i % hubs.size()];
                if (!hub.first.poll()) {
                    std::this_thread::yield();
                    continue;
                }
                try {
                    auto [end, count] = hub.first.recv<Token>(1ms);
                    end.send(count);
                    hubs[(i + 1) % hubs.size()].second.send(Token(std::move(end), count + 1));
                } catch (const mp::TimeoutError&) {  // another one was first
                } catch (const mp::EndOfFile&) {     // the client has enough, or is dead
                }
            }
        };
        const auto note = [&](const Seen& seen) {
            EXPECT_TRUE(seen.in_order);
            ++ends;
            ended += seen.messages != enough;
            messages += seen.messages;
        };
        {
            Mortals mortals;
            for (int i = 0; i < 3; ++i) {
                mortals.start(client);
                mortals.start(mover);
            }
            const auto end = test::storm_end();
            while (std::chrono::steady_clock::now() < end) {
                for (auto i = mortals.random()() % 20; i > 0; --i) note(next(witness, mortals));
                mortals.strike();
            }
            mortals.kill_all();
            kills = mortals.kills();
        }
        test::bury_everybody(Heap::program());
        while (const auto seen = witness.try_get()) note(*seen);
    }
    RecordProperty("kills", kills);
    RecordProperty("ends", ends);
    RecordProperty("ends_that_were_closed_by_a_death", ended);
    RecordProperty("messages", messages);
    EXPECT_GT(kills, 0);
    EXPECT_GT(ends, 0);
    EXPECT_GT(messages, 0);
    EXPECT_EQ(Heap::program().usage().blocks, blocks_before);
}

}  // namespace

#endif
