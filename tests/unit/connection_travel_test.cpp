// SPDX-License-Identifier: Apache-2.0

// Connections in messages.

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "heap/heap.hpp"

namespace {

using procession::heap::Heap;

TEST(Connection, travels_through_another) {
    auto [a, b] = mp::Pipe();
    auto [c, d] = mp::Pipe();
    a.send(std::move(d));
    EXPECT_TRUE(d.closed());
    c.send(1);
    {
        const auto received = b.recv<mp::Connection>();
        EXPECT_EQ(received.recv<int>(), 1);
        received.send(2);
    }
    EXPECT_EQ(c.recv<int>(), 2);
    EXPECT_THROW(static_cast<void>(c.recv<int>()), mp::EndOfFile);
}

TEST(Connection, goes_on_here_where_a_dup_of_it_travels) {
    auto [a, b] = mp::Pipe();
    a.send(a.dup());
    EXPECT_FALSE(a.closed());
    const auto again = b.recv<mp::Connection>();
    a.close();
    again.send(1);
    EXPECT_EQ(b.recv<int>(), 1);
}

struct Job {
    int number = 0;
    mp::Connection answer;
    std::optional<mp::Connection> log;
    std::vector<mp::Connection> more;
    std::map<std::string, mp::Connection> by_name;

    template <class Archive>
    void serialize(Archive& archive) {
        archive(number, answer, log, more, by_name);
    }
};

TEST(Connection, travels_in_structs_and_containers) {
    auto [a, b] = mp::Pipe();
    std::vector<mp::Connection> mine;
    const auto theirs = [&] {
        auto [kept, given] = mp::Pipe();
        mine.push_back(std::move(kept));
        return std::move(given);
    };
    Job job;
    job.number = 7;
    job.answer = theirs();
    job.log = theirs();
    for (int i = 0; i < 2; ++i) job.more.push_back(theirs());
    job.by_name["x"] = theirs();
    a.send(std::move(job));
    EXPECT_TRUE(job.answer.closed());
    EXPECT_TRUE(job.by_name["x"].closed());
    {
        const Job received = b.recv<Job>();
        EXPECT_EQ(received.number, 7);
        received.answer.send(0);
        received.log->send(1);
        received.more[0].send(2);
        received.more[1].send(3);
        received.by_name.at("x").send(4);
    }
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(mine[i].recv<int>(), i);
        EXPECT_THROW(static_cast<void>(mine[i].recv<int>()), mp::EndOfFile);
    }
}

TEST(Connection, stays_here_where_its_message_cannot_be_sent) {
    auto [a, b] = mp::Pipe();
    auto [c, d] = mp::Pipe();
    b.close();
    EXPECT_THROW(a.send(std::move(d)), mp::EndOfFile);
    EXPECT_FALSE(d.closed());
    c.send(1);
    EXPECT_EQ(d.recv<int>(), 1);
}

TEST(Connection, is_closed_here_when_a_queue_has_it) {
    auto [a, b] = mp::Pipe();
    const mp::Queue<mp::Connection> queue(2);
    std::vector<mp::Connection> several;
    for (int i = 0; i < 2; ++i) several.push_back(b.dup());
    queue.put_many(several);
    for (const auto& each : several) EXPECT_TRUE(each.closed());
    EXPECT_FALSE(queue.try_put(b));
    EXPECT_FALSE(b.closed()) << "there was no room";
    queue.get().send(1);
    queue.put(std::move(b));
    EXPECT_TRUE(b.closed());
    EXPECT_EQ(a.recv<int>(), 1);
    for (int i = 0; i < 2; ++i) static_cast<void>(queue.get());
    EXPECT_THROW(static_cast<void>(a.recv<int>()), mp::EndOfFile);
}

TEST(Connection, in_a_message_that_nobody_takes_is_closed) {
    auto [c, d] = mp::Pipe();
    {
        auto [a, b] = mp::Pipe();
        a.send(std::move(d));
    }
    EXPECT_THROW(static_cast<void>(c.recv<int>()), mp::EndOfFile);
    auto [e, f] = mp::Pipe();
    {
        const mp::Queue<mp::Connection> queue;
        queue.put(std::move(f));
        EXPECT_TRUE(f.closed());
        EXPECT_FALSE(e.poll());
    }
    EXPECT_THROW(static_cast<void>(e.recv<int>()), mp::EndOfFile);
}

TEST(Connection, in_messages_in_pipes_in_messages_is_closed) {
    auto [first, next] = mp::Pipe();
    for (int i = 0; i < 1'000; ++i) {
        auto [a, b] = mp::Pipe();
        b.send(std::move(next));
        next = std::move(a);
    }
    next.close();
    EXPECT_THROW(static_cast<void>(first.recv<int>()), mp::EndOfFile);
}

TEST(Connection, travels_through_its_own_pipe) {
    Heap::program().self();
    const auto blocks_before = Heap::program().usage().blocks;
    {
        auto [a, b] = mp::Pipe();
        a.send(b.dup());
        const auto again = b.recv<mp::Connection>();
        a.send(1);
        EXPECT_EQ(again.recv<int>(), 1);
        a.send(a.dup());
        a.close();
        EXPECT_FALSE(b.recv<mp::Connection>().closed());
        EXPECT_THROW(static_cast<void>(b.recv<int>()), mp::EndOfFile);
    }
    EXPECT_EQ(Heap::program().usage().blocks, blocks_before);
}

}  // namespace
