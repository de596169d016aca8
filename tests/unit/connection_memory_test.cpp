// SPDX-License-Identifier: Apache-2.0

// What pipes take of the shared memory, and what they do when there is none.

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <string>
#include <thread>
#include <vector>

#include "heap/heap.hpp"
#include "support/small_heap.hpp"

namespace {

using namespace std::chrono_literals;
using procession::heap::Heap;
namespace test = procession::test;

std::uint64_t blocks() {
    Heap::program().self();
    return Heap::program().usage().blocks;
}

TEST(ConnectionMemory, is_given_back_when_both_ends_are_closed) {
    const auto before = blocks();
    for (const bool duplex : {true, false}) {
        auto [to, from] = mp::Pipe(duplex);
        for (int i = 0; i < 300; ++i) from.send(std::string(i * 10, 'x'));
        static_cast<void>(to.recv<std::string>());
    }
    EXPECT_EQ(blocks(), before);
}

// So many that to close one within the other would need more stack than there is.
TEST(ConnectionMemory, of_ends_in_messages_in_pipes_is_given_back) {
    const auto before = blocks();
    {
        auto [first, next] = mp::Pipe();
        for (int i = 0; i < 30'000; ++i) {
            auto [a, b] = mp::Pipe();
            b.send(std::move(next));
            next = std::move(a);
        }
    }
    EXPECT_EQ(blocks(), before);
}

TEST(ConnectionMemory, of_very_long_bytes_is_little) {
    if (!test::in_program_with_heap_limit("8M")) return;
    auto [a, b] = mp::Pipe();
    std::thread sender([&a = a] { a.send_bytes(std::vector<char>(100'000'000, 'x')); });
    EXPECT_EQ(b.recv_bytes().size(), 100'000'000u);
    sender.join();
}

struct WithEnd {
    std::vector<char> large;
    mp::Connection end;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(large, end);
    }
};

TEST(ConnectionMemory, that_is_used_up_leaves_the_pipe_as_it_was) {
    if (!test::in_program_with_heap_limit("8M")) return;
    auto [a, b] = mp::Pipe();
    auto [c, d] = mp::Pipe();
    a.send(1);
    EXPECT_THROW(a.send(std::vector<char>(10'000'000)), mp::HeapExhausted);
    EXPECT_THROW(a.send_bytes(std::vector<char>(10'000'000)), mp::HeapExhausted);
    WithEnd message{std::vector<char>(10'000'000), std::move(d)};
    EXPECT_THROW(a.send(std::move(message)), mp::HeapExhausted);
    EXPECT_FALSE(message.end.closed());
    std::vector<mp::ConnectionPair> pipes;
    const auto make_pipes = [&] {
        for (;;) pipes.push_back(mp::Pipe());
    };
    EXPECT_THROW(make_pipes(), mp::HeapExhausted);
    EXPECT_GT(pipes.size(), 100u);
    pipes.clear();
    a.send(2);
    EXPECT_EQ(b.recv<int>(), 1);
    EXPECT_EQ(b.recv<int>(), 2);
    EXPECT_FALSE(b.poll());
    c.send(3);
    EXPECT_EQ(message.end.recv<int>(), 3);
}

}  // namespace
