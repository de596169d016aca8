// SPDX-License-Identifier: Apache-2.0

// Waits at pipes within one process, what ends them, and many threads at both ends.

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/proc.hpp"
#include "support/signal_storm.hpp"
#include "support/thrown.hpp"
#include "support/waiting.hpp"

namespace {

using namespace std::chrono_literals;
namespace test = procession::test;
using test::thrown;
using Clock = std::chrono::steady_clock;

/// A thread of which one can say that it waits.
class Waiter {
  public:
    template <class Call>
    explicit Waiter(Call call)
        : thread_([this, call] {
              id_ = ::gettid();
              call();
          }) {
        test::wait_until([&] { return id_ != 0; });
        test::wait_until([&] { return test::thread_state(id_) == 'S'; });
    }
    void join() { thread_.join(); }

  private:
    std::atomic<pid_t> id_{0};
    std::thread thread_;
};

/// Sends until there is no room. @returns how many messages
int fill(const mp::Connection& end) {
    std::stop_source stop;
    std::atomic<int> sent{0};
    std::atomic<pid_t> id{0};
    std::thread filler([&] {
        id = ::gettid();
        const std::string large(100'000, 'x');
        try {
            for (;; ++sent) end.send(large, stop.get_token());
        } catch (const mp::CancelledError&) {
        }
    });
    test::wait_until([&] { return id != 0; });
    for (int before = -1; before != sent;) {
        before = sent;
        test::wait_until([&] { return test::thread_state(id) == 'S'; });
    }
    stop.request_stop();
    filler.join();
    return sent;
}
void drain(const mp::Connection& end, int count) {
    for (int i = 0; i < count; ++i) EXPECT_EQ(end.recv<std::string>().size(), 100'000u);
}

// ---------------------------------------------------------------- poll

// conformance: connection.poll_empty_message
TEST(ConnectionPoll, is_true_for_an_empty_message_and_takes_nothing) {
    auto [a, b] = mp::Pipe();
    EXPECT_FALSE(b.poll());
    a.send_bytes("");
    EXPECT_TRUE(b.poll());
    EXPECT_TRUE(b.poll());
    EXPECT_TRUE(b.poll(mp::forever));
    EXPECT_FALSE(a.poll());
    EXPECT_TRUE(b.recv_bytes().empty());
    EXPECT_FALSE(b.poll());
}

TEST(ConnectionPoll, waits_as_long_as_it_is_told) {
    auto [a, b] = mp::Pipe();
    const auto begin = Clock::now();
    EXPECT_FALSE(b.poll(50ms));
    EXPECT_GE(Clock::now() - begin, 50ms);
    EXPECT_FALSE(b.poll(-1s));
    Waiter waiter([&b = b] { EXPECT_TRUE(b.poll(mp::forever)); });
    a.send(1);
    waiter.join();
    EXPECT_EQ(b.recv<int>(), 1);
}

// conformance: connection.poll_strings
TEST(ConnectionPoll, sees_each_message_while_they_come) {
    auto [a, b] = mp::Pipe();
    const std::vector<std::string> texts{"hello", "", "goodbye", "", "x", "", "y", "z"};
    std::thread sender([&, &a = a] {
        for (const auto& text : texts) {
            a.send_bytes(text);
            test::wait_until([&a] { return a.poll(mp::forever); });
            static_cast<void>(a.recv_bytes());
        }
    });
    for (const auto& text : texts) {
        while (!b.poll(10ms)) {
        }
        EXPECT_EQ(b.recv_bytes().size(), text.size());
        b.send_bytes("seen");
    }
    sender.join();
}

TEST(ConnectionPoll, wakes_all_who_look) {
    auto [a, b] = mp::Pipe();
    std::vector<std::unique_ptr<Waiter>> waiters;
    for (int i = 0; i < 3; ++i)
        waiters.push_back(std::make_unique<Waiter>([&b = b] { EXPECT_TRUE(b.poll(mp::forever)); }));
    a.send(1);
    for (auto& waiter : waiters) waiter->join();
    EXPECT_EQ(b.recv<int>(), 1);
}

// ---------------------------------------------------------------- limits, stops, signals

TEST(ConnectionWait, ends_when_its_time_is_over) {
    auto [a, b] = mp::Pipe();
    const auto begin = Clock::now();
    EXPECT_EQ(thrown<mp::TimeoutError>([&b = b] { static_cast<void>(b.recv<int>(50ms)); }),
              "Connection::recv: nothing arrived in time");
    EXPECT_GE(Clock::now() - begin, 50ms);
    EXPECT_EQ(thrown<mp::TimeoutError>([&b = b] { static_cast<void>(b.recv_bytes({}, 0s)); }),
              "Connection::recv_bytes: nothing arrived in time");
    std::string memory(4, ' ');
    EXPECT_EQ(thrown<mp::TimeoutError>([&, &b = b] { b.recv_bytes_into(memory, 0, 1ms); }),
              "Connection::recv_bytes_into: nothing arrived in time");
    a.send(1);
    EXPECT_EQ(b.recv<int>(0s), 1);
}

TEST(ConnectionWait, ends_when_it_is_stopped) {
    auto [a, b] = mp::Pipe();
    const int sent = fill(a);
    const auto stopped_in = [](auto call, const char* name) {
        std::stop_source stop;
        Waiter waiter([&, token = stop.get_token()] {
            EXPECT_EQ(thrown<mp::CancelledError>([&] { call(token); }),
                      "Connection::" + std::string(name) + ": the wait was stopped");
        });
        stop.request_stop();
        waiter.join();
        EXPECT_THROW(call(stop.get_token()), mp::CancelledError) << "stopped before it began";
    };
    stopped_in([&a = a](auto stop) { a.send(1, stop); }, "send");
    stopped_in([&a = a](auto stop) { a.send_bytes("x", 0, {}, stop); }, "send_bytes");
    stopped_in([&a = a](auto stop) { static_cast<void>(a.recv<int>(stop)); }, "recv");
    stopped_in([&a = a](auto stop) { static_cast<void>(a.recv<int>(1h, stop)); }, "recv");
    stopped_in([&a = a](auto stop) { static_cast<void>(a.recv_bytes({}, mp::forever, stop)); },
               "recv_bytes");
    stopped_in([&a = a](auto stop) { static_cast<void>(a.poll(mp::forever, stop)); }, "poll");
    drain(b, sent);
    EXPECT_FALSE(b.poll());
}

TEST(ConnectionWait, ends_by_no_signal) {
    auto [a, b] = mp::Pipe();
    EXPECT_EQ(test::through_signals([&b = b] { return b.recv<int>(); }, [&a = a] { a.send(1); }), 1);
    EXPECT_TRUE(
        test::through_signals([&b = b] { return b.poll(mp::forever); }, [&a = a] { a.send(2); }));
    EXPECT_EQ(b.recv<int>(), 2);
    const int sent = fill(a);
    test::through_signals(
        [&a = a] {
            a.send(3);
            return 0;
        },
        [&b = b, sent] { drain(b, sent); });
    EXPECT_EQ(b.recv<int>(), 3);
}

// ---------------------------------------------------------------- room, and ends that close

TEST(ConnectionWait, for_room_ends_when_something_is_received) {
    auto [a, b] = mp::Pipe();
    const int sent = fill(a);
    EXPECT_GE(sent * 100'000, 1024 * 1024) << "as much as the documentation says";
    Waiter sender([&a = a] { a.send(7); });
    drain(b, sent);
    sender.join();
    EXPECT_EQ(b.recv<int>(), 7);
}

TEST(ConnectionWait, ends_when_the_other_end_closes) {
    auto [a, b] = mp::Pipe();
    fill(a);
    const auto again = b.dup();
    Waiter sender([&a = a] { EXPECT_THROW(a.send(1), mp::EndOfFile); });
    Waiter receiver([&a = a] { EXPECT_THROW(static_cast<void>(a.recv<int>()), mp::EndOfFile); });
    Waiter poller([&a = a] { EXPECT_TRUE(a.poll(mp::forever)); });
    b.close();
    again.close();
    sender.join();
    receiver.join();
    poller.join();
}

TEST(ConnectionWait, ends_when_the_other_end_closes_that_had_a_descriptor) {
    auto [a, b] = mp::Pipe();
    b.fileno();
    fill(a);
    Waiter sender([&a = a] { EXPECT_THROW(a.send(1), mp::EndOfFile); });
    b.close();
    sender.join();
}

TEST(ConnectionWait, ends_when_its_own_end_is_closed) {
    auto [a, b] = mp::Pipe();
    fill(a);
    const auto waits = [](const char* name, auto call) {
        return Waiter([=] {
            EXPECT_EQ(thrown<mp::ValueError>(call),
                      "Connection::" + std::string(name) + ": the connection is closed");
        });
    };
    auto sender = waits("send", [&a = a] { a.send(1); });
    auto receiver = waits("recv", [&a = a] { static_cast<void>(a.recv<int>()); });
    auto poller = waits("poll", [&a = a] { static_cast<void>(a.poll(mp::forever)); });
    a.close();
    sender.join();
    receiver.join();
    poller.join();
}

TEST(ConnectionWait, goes_on_when_another_of_the_same_end_is_closed) {
    auto [a, b] = mp::Pipe();
    const auto again = b.dup();
    Waiter receiver([&b = b] { EXPECT_EQ(b.recv<int>(), 1); });
    again.close();
    a.send(1);
    receiver.join();
}

TEST(ConnectionWait, that_was_woken_for_another_type_wakes_another) {
    for (int i = 0; i < 20; ++i) {
        auto [a, b] = mp::Pipe();
        Waiter numbers([&b = b] {
            for (;;) {
                try {
                    EXPECT_EQ(b.recv<int>(), 1);
                    return;
                } catch (const mp::TypeMismatch&) {
                    std::this_thread::yield();
                }
            }
        });
        Waiter texts([&b = b] { EXPECT_EQ(b.recv<std::string>(), "text"); });
        a.send("text");
        texts.join();
        a.send(1);
        numbers.join();
    }
}

// ---------------------------------------------------------------- many threads

struct Numbered {
    int sender = 0, number = 0;
    std::vector<int> payload;
};

TEST(ConnectionThreads, share_both_ends_and_each_message_is_received_once) {
    constexpr int senders = 4, receivers = 4, each = 2'000;
    auto [a, b] = mp::Pipe();
    std::vector<std::vector<std::atomic<int>>> seen(senders);
    for (auto& of_one : seen) of_one = std::vector<std::atomic<int>>(each);
    std::vector<std::thread> threads;
    for (int s = 0; s < senders; ++s)
        threads.emplace_back([s, end = a.dup()] {
            for (int i = 0; i < each; ++i)
                end.send(Numbered{s, i, std::vector<int>(i % 5 == 0 ? 500 : 3, i)});
        });
    a.close();
    for (int r = 0; r < receivers; ++r)
        threads.emplace_back([&, &b = b] {
            std::vector<int> last(senders, -1);
            try {
                for (;;) {
                    const auto got = b.recv<Numbered>();
                    for (const int number : got.payload) ASSERT_EQ(number, got.number);
                    EXPECT_GT(got.number, last.at(got.sender));
                    last[got.sender] = got.number;
                    ++seen.at(got.sender).at(got.number);
                }
            } catch (const mp::EndOfFile&) {
            }
        });
    for (auto& thread : threads) thread.join();
    for (const auto& of_one : seen)
        for (const auto& times : of_one) ASSERT_EQ(times, 1);
}

TEST(ConnectionThreads, talk_both_ways_at_once) {
    auto [a, b] = mp::Pipe();
    constexpr int count = 20'000;
    const auto send_all = [](const mp::Connection& end) {
        for (int i = 0; i < count; ++i) end.send(i);
    };
    const auto receive_all = [](const mp::Connection& end) {
        for (int i = 0; i < count; ++i) ASSERT_EQ(end.recv<int>(), i);
    };
    std::thread threads[] = {
        std::thread([&, &a = a] { send_all(a); }), std::thread([&, &b = b] { send_all(b); }),
        std::thread([&, &a = a] { receive_all(a); }), std::thread([&, &b = b] { receive_all(b); })};
    for (auto& thread : threads) thread.join();
}

TEST(ConnectionThreads, close_while_others_use_it) {
    for (int round = 0; round < 200; ++round) {
        auto [a, b] = mp::Pipe();
        std::atomic<int> running = 0;
        const auto until_closed = [&running](auto call) {
            return std::thread([&running, call] {
                ++running;
                try {
                    for (;;) call();
                } catch (const mp::ValueError&) {
                } catch (const mp::EndOfFile&) {
                }
            });
        };
        std::thread threads[] = {until_closed([&a = a] { a.send(1); }),
                                 until_closed([&b = b] { static_cast<void>(b.recv<int>()); }),
                                 until_closed([&b = b] { static_cast<void>(b.poll()); }),
                                 until_closed([&b = b] { static_cast<void>(b.dup()); })};
        test::wait_until([&] { return running == 4; });
        b.close();
        for (auto& thread : threads) thread.join();
    }
}

TEST(Connection, tries_to_receive) {
    auto [a, b] = mp::Pipe();
    EXPECT_EQ(b.try_recv<int>(), std::nullopt);
    EXPECT_EQ(b.try_recv<int>(1ms), std::nullopt);
    a.send(1);
    EXPECT_THROW((void)b.try_recv<std::string>(), mp::TypeMismatch);
    EXPECT_EQ(b.try_recv<int>(), 1);
    a.close();
    EXPECT_THROW((void)b.try_recv<int>(), mp::EndOfFile);
}

}  // namespace
