// SPDX-License-Identifier: Apache-2.0

// wait() over connections, sockets, processes and queues.

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/bells.hpp"
#include "support/listening.hpp"
#include "support/start_methods.hpp"

namespace {

using namespace std::chrono_literals;
using namespace procession::test;
using Ready = std::vector<std::size_t>;

class Wait : public EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EachMethod, Wait, all_start_methods(), name_of_parameter);

void send_ten(mp::Connection to, int first) {
    for (int i = 0; i < 10; ++i) to.send(std::pair(first, i));
}

// conformance: wait.pipes
TEST_P(Wait, is_told_of_each_pipe_and_of_its_end) {
    std::vector<mp::Connection> readers;
    std::vector<mp::Process> children;
    for (int i = 0; i < 4; ++i) {
        auto [reader, writer] = mp::Pipe(false);
        readers.push_back(std::move(reader));
        children.emplace_back(send_ten, std::move(writer), i);
        children.back().start();
    }
    std::map<int, int> next;
    while (!readers.empty()) {
        const Ready ready = mp::wait(readers);
        ASSERT_FALSE(ready.empty());
        for (auto at = ready.rbegin(); at != ready.rend(); ++at) {
            try {
                const auto [child, number] = readers[*at].recv<std::pair<int, int>>();
                EXPECT_EQ(number, next[child]++);
            } catch (const mp::EndOfFile&) {
                readers.erase(readers.begin() + static_cast<std::ptrdiff_t>(*at));
            }
        }
    }
    for (int i = 0; i < 4; ++i) EXPECT_EQ(next[i], 10);
    for (auto& child : children) child.join();
}

void send_lines(std::string host, int port, int pause_ms) {
    const RawPeer peer(mp::Address(std::move(host), static_cast<std::uint16_t>(port)));
    for (int i = 0; i < 10; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(pause_ms * (i % 3) / 2));
        peer.send(std::to_string(i) + "\n");
    }
}

void receive_lines_of_four(int pause_ms) {
    // Plain sockets: what comes is no messages.
    const procession::os::Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    ASSERT_EQ(::listen(listener.get(), 4), 0);
    ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    std::vector<mp::Process> children;
    for (int i = 0; i < 4; ++i) {
        children.emplace_back(send_lines, "127.0.0.1", int{ntohs(address.sin_port)}, pause_ms);
        children.back().start();
    }
    std::vector<int> sockets;
    std::map<int, std::string> text;
    for (int i = 0; i < 4; ++i)
        sockets.push_back(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    while (!sockets.empty()) {
        const Ready ready = mp::wait(sockets);
        ASSERT_FALSE(ready.empty());
        for (auto at = ready.rbegin(); at != ready.rend(); ++at) {
            const int fd = sockets[*at];
            char part[32];
            const auto got = ::read(fd, part, sizeof part);
            ASSERT_GE(got, 0);
            text[fd].append(part, static_cast<std::size_t>(got));
            if (got != 0) continue;
            EXPECT_EQ(text[fd], "0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n");
            text.erase(fd);
            ::close(fd);
            sockets.erase(sockets.begin() + static_cast<std::ptrdiff_t>(*at));
        }
    }
    for (auto& child : children) child.join();
}

// conformance: wait.sockets
TEST_P(Wait, is_told_of_plain_sockets) { receive_lines_of_four(0); }
// conformance: wait.sockets_slow
TEST_P(Wait, is_told_of_slow_sockets) { receive_lines_of_four(100); }

// conformance: wait.timeout
TEST(WaitAlone, returns_nothing_when_the_time_has_run_out) {
    auto [a, b] = mp::Pipe();
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(mp::wait(500ms, a, b), Ready());
    EXPECT_GE(std::chrono::steady_clock::now() - begin, 500ms);
    b.send(1);
    EXPECT_EQ(mp::wait(20s, a, b), Ready({0}));
}

void end_when_told(mp::Event event) { event.wait(); }

// conformance: wait.sentinel
TEST_P(Wait, is_told_of_the_end_of_a_process) {
    auto [a, b] = mp::Pipe();
    mp::Event event;
    mp::Process p(end_when_told, event);
    p.start();
    EXPECT_EQ(mp::wait(0s, a, p.sentinel(), b), Ready());
    event.set();
    EXPECT_EQ(mp::wait(mp::forever, a, p.sentinel(), b), Ready({1}));
    a.send(1);
    EXPECT_EQ(mp::wait(mp::forever, a, p, b), Ready({1, 2}));
    b.send(1);
    EXPECT_EQ(mp::wait(mp::forever, a, p.handle(), b), Ready({0, 1, 2}));
    p.join();
}

// conformance: wait.negative_timeout
TEST(WaitAlone, does_not_wait_for_less_than_nothing) {
    auto [a, b] = mp::Pipe();
    EXPECT_EQ(mp::wait(-1s, a, b), Ready());
}

TEST(WaitAlone, takes_queues_and_listeners_and_pointers) {
    const mp::Queue<int> queue;
    const mp::JoinableQueue<int> joinable;
    mp::Listener listener;
    auto connection = std::make_unique<mp::Connection>();
    auto [a, b] = mp::Pipe();
    *connection = std::move(b);
    EXPECT_EQ(mp::wait(0s, queue, joinable, listener, connection), Ready());
    queue.put(1);
    const mp::Connection client = mp::Client(listener.address());
    EXPECT_EQ(mp::wait(mp::forever, queue, joinable, listener, connection), Ready({0, 2}));
    EXPECT_EQ(queue.get(), 1);
    a.send(1);
    joinable.put(1);
    EXPECT_EQ(mp::wait(mp::forever, queue, joinable, connection), Ready({1, 2}));
    queue.shutdown();
    EXPECT_EQ(mp::wait(mp::forever, queue), Ready({0}));
}

TEST(WaitAlone, takes_ranges_with_the_limit_on_either_side) {
    std::vector<mp::Connection> ends(2);
    auto [a, b] = mp::Pipe();
    auto [c, d] = mp::Pipe();
    ends[0] = std::move(b);
    ends[1] = std::move(d);
    c.send(1);
    EXPECT_EQ(mp::wait(ends, 20s), Ready({1}));
    EXPECT_EQ(mp::wait(20s, ends), Ready({1}));
    EXPECT_EQ(mp::wait(ends, std::stop_token()), Ready({1}));
}

TEST(WaitAlone, is_told_when_the_last_process_of_the_other_end_was_killed) {
    auto [a, b] = mp::Pipe();
    mp::Process p(end_when_told, mp::Event());
    p.start();
    mp::Process holder([](mp::Connection end) { static_cast<void>(end.poll(mp::forever)); },
                       std::move(b));
    holder.start();
    EXPECT_EQ(mp::wait(0s, a), Ready());
    holder.kill();
    EXPECT_EQ(mp::wait(mp::forever, a), Ready({0}));
    EXPECT_THROW((void)a.recv<int>(), mp::EndOfFile);
    holder.join();
    p.kill();
    p.join();
}

void send_and_die(mp::Queue<int> queue, mp::Connection to) {
    queue.put(1);
    to.send(1);
    ::raise(SIGKILL);
}

// Its end shows at once, while those who ring the other descriptors may be behind. That is a race, which is
// lost in some of the rounds where they are trusted.
TEST(WaitAlone, shows_what_a_process_sent_where_it_shows_its_end) {
    for (int round = 0; round < 50; ++round) {
        const mp::Queue<int> queue;
        auto [reader, writer] = mp::Pipe(false);
        mp::Process process(send_and_die, queue, std::move(writer));
        process.start();
        Ready ready;
        do ready = mp::wait(mp::forever, queue, reader, process);
        while (ready.back() != 2);
        ASSERT_EQ(ready, (Ready{0, 1, 2})) << round;
    }
}

TEST(WaitAlone, is_stopped) {
    auto [a, b] = mp::Pipe();
    std::stop_source stop;
    std::jthread stopper([&] { stop.request_stop(); });
    EXPECT_THROW((void)mp::wait(mp::forever, stop.get_token(), a, b), mp::CancelledError);
}

TEST(WaitAlone, says_what_cannot_be_waited_for) {
    EXPECT_THROW((void)mp::wait(std::vector<int>()), mp::ValueError);
    EXPECT_EQ(mp::wait(std::vector<int>(), 1ms), Ready());
    EXPECT_THROW((void)mp::wait(std::vector<int>{999}), std::system_error);
    EXPECT_THROW((void)mp::wait(0s, mp::Connection()), mp::ValueError);
}

}  // namespace
