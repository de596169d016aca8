// SPDX-License-Identifier: Apache-2.0

// Pipes between processes, and ends that move.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <procession/mp.hpp>

#include <string>
#include <utility>
#include <vector>

#include "support/expect.hpp"
#include "support/start_methods.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;

class ConnectionInProcesses : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EachMethod, ConnectionInProcesses, all_start_methods(), name_of_parameter);

/// Adds until the other end is closed.
void add(mp::Connection server) {
    for (;;) {
        try {
            const auto [x, y] = server.recv<std::pair<int, int>>();
            server.send(x + y);
        } catch (const mp::EndOfFile&) {
            return;
        }
    }
}
void add_by_reference(mp::Connection& server) { add(std::move(server)); }

TEST_P(ConnectionInProcesses, serves_until_the_end_of_file) {
    auto [client, server] = mp::Pipe();
    mp::Process p(add, std::move(server));
    p.start();
    client.send(std::pair(3, 4));
    EXPECT_EQ(client.recv<int>(), 7);
    client.close();
    p.join();
    EXPECT_EQ(p.exitcode(), 0);
}

TEST_P(ConnectionInProcesses, is_given_by_reference_too) {
    auto [client, server] = mp::Pipe();
    mp::Process p(add_by_reference, std::move(server));
    p.start();
    client.send(std::pair(3, 4));
    EXPECT_EQ(client.recv<int>(), 7);
    client.close();
    p.join();
    EXPECT_EQ(p.exitcode(), 0);
}

TEST_P(ConnectionInProcesses, is_closed_where_it_was) {
    auto [client, server] = mp::Pipe();
    mp::Process p(add, std::move(server));
    p.start();
    EXPECT_TRUE(server.closed());
    p.kill();
    p.join();
    EXPECT_THROW((void)client.recv<int>(), mp::EndOfFile);
}

void take_one_of_each(std::vector<mp::Connection> ends, mp::ConnectionPair pair) {
    for (mp::Connection& end : ends) end.send(end.recv<int>() + 1);
    pair.first.send(1);
    static_cast<void>(pair.second.recv<int>());
}

TEST_P(ConnectionInProcesses, moves_within_other_arguments) {
    std::vector<mp::Connection> mine, theirs;
    for (int i = 0; i < 3; ++i) {
        auto [a, b] = mp::Pipe();
        mine.push_back(std::move(a));
        theirs.push_back(std::move(b));
    }
    mp::Process p(take_one_of_each, std::move(theirs), mp::Pipe());
    p.start();
    for (int i = 0; i < 3; ++i) {
        mine[i].send(i);
        EXPECT_EQ(mine[i].recv<int>(), i + 1);
    }
    p.join();
    EXPECT_EQ(p.exitcode(), 0);
    for (const auto& end : mine) EXPECT_THROW((void)end.recv<int>(), mp::EndOfFile);
}

void pass_on(mp::Connection from, mp::Queue<mp::Connection> to) {
    try {
        for (;;) to.put(from.recv<mp::Connection>());
    } catch (const mp::EndOfFile&) {
    }
}

TEST_P(ConnectionInProcesses, travels_through_a_pipe_and_a_queue) {
    auto [to_passer, passer] = mp::Pipe();
    mp::Queue<mp::Connection> queue;
    mp::Process p(pass_on, std::move(passer), queue);
    p.start();
    auto [a, b] = mp::Pipe();
    a.send(1);
    to_passer.send(std::move(b));
    EXPECT_TRUE(b.closed());
    to_passer.close();
    p.join();
    ASSERT_EQ(p.exitcode(), 0);
    auto received = queue.get();
    EXPECT_EQ(received.recv<int>(), 1);
    received.send(2);
    EXPECT_EQ(a.recv<int>(), 2);
    received.close();
    EXPECT_THROW((void)a.recv<int>(), mp::EndOfFile);
}

struct Worker : mp::Subclass<Worker> {
    void run() override {
        end.send(end.recv<int>() * 2);
        static_cast<void>(end.poll(mp::forever));
    }
    mp::Connection end;
    template <class Archive>
    void serialize(Archive& archive) {
        archive(end);
    }
};

TEST_P(ConnectionInProcesses, moves_as_a_member_of_a_subclass) {
    auto [a, b] = mp::Pipe();
    Worker worker;
    worker.end = std::move(b);
    worker.start();
    EXPECT_TRUE(worker.end.closed());
    a.send(21);
    EXPECT_EQ(a.recv<int>(), 42);
    worker.kill();
    EXPECT_THROW((void)a.recv<int>(), mp::EndOfFile);
    worker.join();
}

// Receives a value and an end, and starts the next one with that end; the last one answers.
void hand_on(mp::Connection end, int more) {
    if (more == 0) {
        end.send(end.recv<int>() + 1);
        return;
    }
    mp::Process next(hand_on, std::move(end), more - 1);
    next.start();
    EXPECT_TRUE(end.closed());
    next.join();
    if (next.exitcode() != 0) mp::exit(1);
}

TEST_P(ConnectionInProcesses, is_handed_on_through_five) {
    auto [mine, theirs] = mp::Pipe();
    mp::Process first(hand_on, std::move(theirs), 4);
    first.start();
    mine.send(1);
    EXPECT_EQ(mine.recv<int>(), 2);
    EXPECT_THROW(static_cast<void>(mine.recv<int>()), mp::EndOfFile);
    first.join();
    EXPECT_EQ(first.exitcode(), 0);
}

void have_a_child_use(mp::Connection end) {
    mp::Process child([](mp::Connection of_parent) { of_parent.send("from the grandchild"); },
                      end.dup());
    child.start();
    child.join();
    end.send("from the child");
}

TEST_P(ConnectionInProcesses, is_used_by_a_grandchild_too) {
    auto [mine, theirs] = mp::Pipe();
    mp::Process child(have_a_child_use, std::move(theirs));
    child.start();
    EXPECT_EQ(mine.recv<std::string>(), "from the grandchild");
    EXPECT_EQ(mine.recv<std::string>(), "from the child");
    EXPECT_THROW(static_cast<void>(mine.recv<std::string>()), mp::EndOfFile);
    child.join();
}

void answer_each(std::vector<mp::Connection> ends) {
    for (const auto& end : ends) {
        try {
            for (;;) end.send(-end.recv<int>());
        } catch (const mp::EndOfFile&) {
        }
    }
}

TEST_P(ConnectionInProcesses, is_one_of_two_hundred_to_twenty_children) {
    constexpr int children = 20, each = 10;
    std::vector<mp::Process> processes;
    std::vector<mp::Connection> mine;
    for (int i = 0; i < children; ++i) {
        std::vector<mp::Connection> theirs;
        for (int j = 0; j < each; ++j) {
            auto [kept, given] = mp::Pipe();
            mine.push_back(std::move(kept));
            theirs.push_back(std::move(given));
        }
        processes.emplace_back(answer_each, std::move(theirs));
        processes.back().start();
    }
    for (int i = 0; i < children * each; ++i) mine[i].send(i);
    for (int i = 0; i < children * each; ++i) {
        EXPECT_EQ(mine[i].recv<int>(), -i);
        mine[i].close();
    }
    for (auto& process : processes) {
        process.join();
        EXPECT_EQ(process.exitcode(), 0);
    }
}

TEST_P(ConnectionInProcesses, of_a_process_that_was_never_started_stays_open) {
    auto [mine, theirs] = mp::Pipe();
    {
        const mp::Process never(add, std::move(theirs));
        EXPECT_FALSE(mine.poll());
        mine.send(1);
    }
    EXPECT_THROW(mine.send(1), mp::EndOfFile) << "it went with the process";
}

TEST_P(ConnectionInProcesses, is_shared_by_dups_in_several) {
    auto [mine, theirs] = mp::Pipe();
    std::vector<mp::Process> processes;
    for (int i = 0; i < 3; ++i) {
        processes.emplace_back(add, theirs.dup());
        processes.back().start();
    }
    theirs.close();
    int sum = 0;
    for (int i = 0; i < 300; ++i) mine.send(std::pair(i, 1));
    for (int i = 0; i < 300; ++i) sum += mine.recv<int>();
    EXPECT_EQ(sum, 300 * 299 / 2 + 300);
    mine.close();
    for (auto& process : processes) {
        process.join();
        EXPECT_EQ(process.exitcode(), 0);
    }
}

TEST(ForkedConnection, is_used_where_a_closure_refers_to_it) {
    auto [a, b] = mp::Pipe();
    mp::Process p({.start_method = mp::StartMethod::fork}, [&b = b] { b.send(b.recv<int>() + 1); });
    p.start();
    a.send(1);
    EXPECT_EQ(a.recv<int>(), 2);
    p.join();
    EXPECT_EQ(p.exitcode(), 0);
}

TEST(ForkedConnection, is_not_held_open_by_a_child_that_only_inherited_it) {
    auto [a, b] = mp::Pipe();
    mp::Event end;
    mp::Process p({.start_method = mp::StartMethod::fork}, [end] { end.wait(); });
    p.start();
    a.close();
    EXPECT_THROW((void)b.recv<int>(), mp::EndOfFile);
    end.set();
    p.join();
}

TEST(ForkedConnection, that_the_parent_closed_first_says_so_where_it_is_used) {
    auto [a, b] = mp::Pipe();
    mp::Event closed;
    mp::Process p({.start_method = mp::StartMethod::fork}, [closed, &b = b] {
        closed.wait();
        try {
            b.send(1);
        } catch (const mp::ValueError& error) {
            expect_parts(error.what(),
                         {"Connection::send", "forked from closed this end before it was used",
                          "Pass it as an argument."});
            mp::exit(testing::Test::HasFailure() ? 1 : 7);
        }
    });
    p.start();
    b.close();
    closed.set();
    p.join();
    EXPECT_EQ(p.exitcode(), 7);
}

TEST(ForkedConnection, is_shared_once_the_child_has_used_it) {
    auto [a, b] = mp::Pipe();
    mp::Event closed;
    mp::Process p({.start_method = mp::StartMethod::fork}, [closed, &b = b] {
        b.send(1);
        closed.wait();
        b.send(2);
    });
    p.start();
    EXPECT_EQ(a.recv<int>(), 1);
    b.close();
    closed.set();
    EXPECT_EQ(a.recv<int>(), 2);
    EXPECT_THROW(static_cast<void>(a.recv<int>()), mp::EndOfFile);
    p.join();
}

TEST(ForkedConnection, moves_in_a_closure_of_a_closure) {
    auto [a, b] = mp::Pipe();
    mp::Process p({.start_method = mp::StartMethod::fork}, [b = std::move(b)]() mutable {
        mp::Process grandchild({.start_method = mp::StartMethod::fork},
                               [b = std::move(b)] { b.send(b.recv<int>() + 1); });
        grandchild.start();
        grandchild.join();
    });
    p.start();
    a.send(1);
    EXPECT_EQ(a.recv<int>(), 2);
    EXPECT_THROW(static_cast<void>(a.recv<int>()), mp::EndOfFile);
    p.join();
    EXPECT_EQ(p.exitcode(), 0);
}

TEST(ForkedConnection, moves_in_a_closure) {
    auto [a, b] = mp::Pipe();
    mp::Process p({.start_method = mp::StartMethod::fork},
                  [b = std::move(b)] { b.send(b.recv<int>() + 1); });
    p.start();
    a.send(1);
    EXPECT_EQ(a.recv<int>(), 2);
    EXPECT_THROW((void)a.recv<int>(), mp::EndOfFile);
    p.join();
    EXPECT_EQ(p.exitcode(), 0);
}

}  // namespace
