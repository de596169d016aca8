// SPDX-License-Identifier: Apache-2.0

// Processes that have an end of a pipe die, and nobody joins them: whoever waits at the other end learns
// of it.

#include <gtest/gtest.h>
#include <signal.h>
#include <procession/mp.hpp>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "process/program.hpp"
#include "support/bells.hpp"
#include "support/start_methods.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;

class ConnectionDeath : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EachMethod, ConnectionDeath, all_start_methods(), name_of_parameter);

/// Says that it is there, and does nothing more.
void hold(mp::Connection end) {
    end.send(1);
    for (;;) ::pause();
}

/// The other end's process is killed while this one waits.
class KilledPeer {
  public:
    KilledPeer() {
        auto [mine, theirs] = mp::Pipe();
        end = std::move(mine);
        process_ = mp::Process(hold, std::move(theirs));
        process_.start();
        static_cast<void>(end.recv<int>());
    }
    ~KilledPeer() { process_.join(); }
    void kill() { process_.kill(); }
    /// When this thread sleeps.
    void kill_when_asleep() {
        killer_ = std::jthread([this, waiter = ::gettid()] {
            wait_until([&] { return thread_state(waiter) == 'S'; });
            process_.kill();
        });
    }

    mp::Connection end;

  private:
    mp::Process process_;
    std::jthread killer_;
};

TEST_P(ConnectionDeath, of_the_peer_ends_recv) {
    KilledPeer peer;
    peer.kill_when_asleep();
    EXPECT_THROW(static_cast<void>(peer.end.recv<int>()), mp::EndOfFile);
}

TEST_P(ConnectionDeath, of_the_peer_ends_poll) {
    KilledPeer peer;
    peer.kill_when_asleep();
    EXPECT_TRUE(peer.end.poll(mp::forever));
    EXPECT_THROW(static_cast<void>(peer.end.recv<int>(0s)), mp::EndOfFile);
}

TEST_P(ConnectionDeath, of_the_peer_ends_send) {
    KilledPeer peer;
    peer.kill_when_asleep();
    const auto send_for_ever = [&] {
        for (;;) peer.end.send(std::string(100'000, 'x'));
    };
    EXPECT_THROW(send_for_ever(), mp::EndOfFile);
}

TEST_P(ConnectionDeath, of_the_peer_ends_the_send_of_very_long_bytes) {
    KilledPeer peer;
    peer.kill_when_asleep();
    const std::vector<char> bytes(20 * 1024 * 1024);
    const auto send_for_ever = [&] {
        for (;;) peer.end.send_bytes(bytes);
    };
    EXPECT_THROW(send_for_ever(), mp::EndOfFile);
}

TEST_P(ConnectionDeath, of_the_peer_makes_the_descriptor_readable) {
    KilledPeer peer;
    const int fd = peer.end.fileno();
    EXPECT_FALSE(is_readable(fd));
    peer.kill_when_asleep();
    wait_until_readable(fd);
    EXPECT_THROW(static_cast<void>(peer.end.recv<int>(0s)), mp::EndOfFile);
}

TEST_P(ConnectionDeath, of_the_peer_is_seen_by_who_only_looks) {
    KilledPeer peer;
    EXPECT_FALSE(peer.end.poll());
    peer.kill();
    wait_until([&] { return peer.end.poll(); });
    EXPECT_THROW(static_cast<void>(peer.end.recv<int>(0s)), mp::EndOfFile);
}

TEST_P(ConnectionDeath, leaves_what_was_sent) {
    auto [mine, theirs] = mp::Pipe();
    mp::Process p(
        [](mp::Connection end) {
            for (int i = 0; i < 100; ++i) end.send(std::string(i * 100, 'x'));
            ::kill(::getpid(), SIGKILL);
        },
        std::move(theirs));
    p.start();
    for (int i = 0; i < 100; ++i) EXPECT_EQ(mine.recv<std::string>().size(), i * 100u);
    EXPECT_THROW(static_cast<void>(mine.recv<std::string>()), mp::EndOfFile);
    p.join();
}

TEST_P(ConnectionDeath, of_the_sender_leaves_a_connection_that_it_sent) {
    auto [mine, theirs] = mp::Pipe();
    mp::Process p(
        [](mp::Connection end) {
            auto [kept, given] = mp::Pipe();
            kept.send("from the dead");
            end.send(std::move(given));
            ::kill(::getpid(), SIGKILL);
        },
        std::move(theirs));
    p.start();
    p.join();
    const auto received = mine.recv<mp::Connection>();
    EXPECT_EQ(received.recv<std::string>(), "from the dead");
    EXPECT_THROW(static_cast<void>(received.recv<int>()), mp::EndOfFile);
}

TEST_P(ConnectionDeath, closes_an_end_in_a_message_that_was_not_taken) {
    KilledPeer peer;
    auto [mine, sent] = mp::Pipe();
    peer.end.send(std::move(sent));
    EXPECT_FALSE(mine.poll());
    peer.kill_when_asleep();
    EXPECT_THROW(static_cast<void>(mine.recv<int>()), mp::EndOfFile);
}

// The parent of the one that has the other end dies; that one is nobody's child then.
void parent_of_one_that_stays(mp::Connection end, mp::Connection to_child) {
    mp::Process child({.daemon = false}, hold, std::move(to_child));
    child.start();
    end.send(child.pid().value());
    for (;;) ::pause();
}

TEST_P(ConnectionDeath, of_a_parent_does_not_end_its_childs_connection) {
    auto [mine, theirs] = mp::Pipe();
    auto [to_child, childs] = mp::Pipe();
    mp::Process parent(parent_of_one_that_stays, std::move(theirs), std::move(childs));
    parent.start();
    const pid_t child = mine.recv<pid_t>();
    EXPECT_EQ(to_child.recv<int>(), 1);
    parent.kill();
    EXPECT_THROW(static_cast<void>(mine.recv<int>()), mp::EndOfFile);
    parent.join();
    EXPECT_FALSE(to_child.poll());
    ::kill(child, SIGKILL);
    EXPECT_THROW(static_cast<void>(to_child.recv<int>()), mp::EndOfFile);
}

void learn_that_the_parent_died(mp::Connection from_parent, mp::Connection to_first) {
    to_first.send(::getpid());
    try {
        static_cast<void>(from_parent.recv<int>());
    } catch (const mp::EndOfFile&) {
        to_first.send("it died");
    }
}
void parent_of_one_that_learns(mp::Connection to_first) {
    auto [to_child, childs] = mp::Pipe();
    mp::Process child({.daemon = false}, learn_that_the_parent_died, std::move(childs),
                      std::move(to_first));
    child.start();
    for (;;) ::pause();
}

TEST_P(ConnectionDeath, of_a_parent_is_seen_by_its_child) {
    auto [mine, theirs] = mp::Pipe();
    mp::Process parent(parent_of_one_that_learns, std::move(theirs));
    parent.start();
    static_cast<void>(mine.recv<pid_t>());
    parent.kill();
    EXPECT_EQ(mine.recv<std::string>(), "it died");
    EXPECT_THROW(static_cast<void>(mine.recv<std::string>()), mp::EndOfFile);
    parent.join();
}

TEST_P(ConnectionDeath, of_the_fork_server_does_not_matter) {
    if (GetParam() != mp::StartMethod::forkserver) GTEST_SKIP() << "there is none";
    KilledPeer before;
    const auto& server = procession::detail::program_state().servers[0];
    const auto& heap = procession::heap::Heap::program();
    ::kill(heap.slot(server.participant.load()).pid.load(), SIGKILL);
    before.end.send(1);
    EXPECT_FALSE(before.end.poll());
    KilledPeer after;
    before.kill_when_asleep();
    EXPECT_THROW(static_cast<void>(before.end.recv<int>()), mp::EndOfFile);
    after.kill_when_asleep();
    EXPECT_THROW(static_cast<void>(after.end.recv<int>()), mp::EndOfFile);
}

/// Dies while it is made from the arguments.
struct Deadly {
    template <class Archive>
    void save(Archive&) const {}
    template <class Archive>
    void load(Archive&) {
        ::kill(::getpid(), SIGKILL);
    }
};

TEST_P(ConnectionDeath, of_a_child_that_reads_its_arguments_closes_what_it_was_given) {
    if (GetParam() == mp::StartMethod::fork) GTEST_SKIP() << "it reads none";
    for (const bool deadly_first : {true, false}) {
        auto [mine, theirs] = mp::Pipe();
        mp::Process p;
        if (deadly_first)
            p = mp::Process([](Deadly, mp::Connection) {}, Deadly(), std::move(theirs));
        else
            p = mp::Process([](mp::Connection, Deadly) {}, std::move(theirs), Deadly());
        p.start();
        EXPECT_TRUE(theirs.closed());
        EXPECT_THROW(static_cast<void>(mine.recv<int>()), mp::EndOfFile);
        p.join();
        EXPECT_EQ(p.exitcode(), -SIGKILL);
    }
}

TEST_P(ConnectionDeath, of_a_child_just_after_its_start_closes_what_it_was_given) {
    for (int i = 0; i < 20; ++i) {
        auto [mine, theirs] = mp::Pipe();
        mp::Process p([](mp::Connection) { ::pause(); }, std::move(theirs));
        p.start();
        p.kill();
        EXPECT_THROW(static_cast<void>(mine.recv<int>()), mp::EndOfFile);
        p.join();
    }
}

}  // namespace
