// SPDX-License-Identifier: Apache-2.0

// What pipes between processes cost, beside the kernel's own, ZeroMQ, CPython, bare copies and a ring that
// does nothing but spin, in the same run: throughput, long messages, round trips, values, many pipes at
// once, and waiting long. Arguments choose some of the parts.

#include <fmt/format.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "support/channels/kernel.hpp"
#include "support/channels/message.hpp"
#include "support/channels/procession_pipe.hpp"
#include "support/channels/spinning_ring.hpp"
#ifdef WITH_ZEROMQ
#include "support/channels/zeromq.hpp"
#endif
#include "support/comparison.hpp"
#include "support/crew.hpp"
#include "support/parts.hpp"
#include "support/processors.hpp"
#include "support/shared.hpp"
#include "support/streams.hpp"
#include "support/to_and_fro.hpp"
#include "support/waiters.hpp"

namespace {

using namespace procession::benchmark;
using namespace std::chrono_literals;

const std::string script = "connections.py";

// ---------------------------------------------------------------- throughput

void throughput(std::size_t size) {
    Peers peers(script);
    const auto add = [&](std::string name, auto channel, Targets targets = {}) {
        peers.add(std::move(name), stream(std::move(channel), size, 1), std::move(targets));
    };
    add("socketpair", std::make_shared<StreamSocket>(size));
    add("mp::Pipe", std::make_shared<ProcessionPipe>(size),
        size == 8 ? Targets{{.ratio_at_least = 20}} : Targets{});
    add("spinning ring", std::make_shared<SpinningRing>(size));
    if (const auto socket = std::make_shared<PacketSocket>(size); socket->takes(size))
        add("socketpair of packets", socket);
    add("pipe", std::make_shared<Pipe>(size, false));
#ifdef WITH_ZEROMQ
    add("ZeroMQ PUSH, PULL", std::make_shared<ZeroMq>(size, 1));
#endif
    peers.add_python("Pipe", fmt::format("throughput {}", size));
    peers.compare(name_of_size(size) + ", 1 to 1", "million/s", 2, processors(), millions_a_second);
}

void throughput() {
#ifndef WITH_ZEROMQ
    fmt::print("ZeroMQ is left out: libzmq was not found when this was built\n");
#endif
    for (const std::size_t size : sizes) throughput(size);
}

// ---------------------------------------------------------------- long messages

constexpr std::size_t long_size = 64 << 20;
constexpr int messages_a_pass = 4;

/// One member sends, the other receives.
template <class Send, class Receive>
Crew::Job long_messages(Send send, Receive receive) {
    return [=](int rank, const std::atomic<bool>&) {
        for (int i = 0; i < messages_a_pass; ++i) {
            if (rank == 0) send();
            if (rank == 1) receive();
        }
        return rank == 0 ? 0.0 : messages_a_pass;
    };
}

/// The same by a channel, from and to memory that is used again and again.
template <class Channel>
Crew::Job long_messages(const std::shared_ptr<Message>& message) {
    const auto channel = std::make_shared<Channel>(long_size);
    return long_messages([=] { channel->send(*message); }, [=] { channel->receive(*message); });
}

/// What no hand-over by shared memory can do without, one after the other.
Crew::Job copy_in_and_out(const std::shared_ptr<Message>& message) {
    void* const between = shared_memory(long_size);
    const Shared<Turn> turn;
    return long_messages(
        [=] {
            std::memcpy(between, message->data(), long_size);
            turn->give(0);
            turn->spin_until_given(1);
        },
        [=] {
            turn->spin_until_given(0);
            std::memcpy(message->data(), between, long_size);
            turn->give(1);
        });
}

double gibibytes_a_second(Crew& crew, std::size_t job) {
    return rate(crew, job, 0ms) * long_size / (1 << 30);
}

void compare_long_messages(const std::string& title, Peers& peers, const std::string& in_python) {
    peers.add_python("Pipe", fmt::format("large {} {}", messages_a_pass, in_python));
    peers.compare(fmt::format("{}, {}", name_of_size(long_size), title), "GiB/s", 2, processors(),
                  gibibytes_a_second);
}

void long_messages() {
    const auto message = std::make_shared<Message>(long_size);
    Peers peers(script);
    peers.add("copy in, copy out", copy_in_and_out(message));
    peers.add("mp::Pipe", long_messages<ProcessionPipe>(message), {{.ratio_at_least = 0.9}});
    peers.add("socketpair", long_messages<StreamSocket>(message));
    compare_long_messages("into memory that is there", peers, "bytes");
}

void long_values() {
    using Values = std::vector<double>;
    const auto message = std::make_shared<Message>(long_size);
    const auto values = std::make_shared<Values>(long_size / sizeof(double), 1.0);
    const auto ends = std::make_shared<mp::ConnectionPair>(mp::Pipe());
    Peers peers(script);
    peers.add("copy in, copy out", copy_in_and_out(message));
    peers.add("mp::Pipe", long_messages([=] { ends->first.send(*values); },
                                        [=] { (void)ends->second.recv<Values>(); }));
    compare_long_messages("as new values of std::vector<double> and array.array", peers, "array");
}

// ---------------------------------------------------------------- latency

/// Round trips over a pipe: `send(end)`, and `receive(end)`, which waits.
template <class Send, class Receive>
Crew::Job round_trips_by_pipe(int trips, Send send, Receive receive) {
    const auto ends = std::make_shared<mp::ConnectionPair>(mp::Pipe());
    const auto end = [ends](bool second) -> mp::Connection& {
        return second ? ends->second : ends->first;
    };
    return to_and_fro(
        trips, [=](int side) mutable { send(end(side == 1)); },
        [=](int side) mutable { receive(end(side == 0)); });
}

/// The same of bytes, which `receive(end, message)` receives.
template <class Receive>
Crew::Job round_trips_of_bytes(int trips, Receive receive) {
    return round_trips_by_pipe(
        trips, [message = Message(8)](const mp::Connection& end) { end.send_bytes(message); },
        [=, message = Message(8)](const mp::Connection& end) mutable { receive(end, message); });
}

void spinning_latency() {
    constexpr int trips = 20'000;
    Peers peers(script);
    const Shared<Turn> turn;
    peers.add("one atomic word", to_and_fro(
                                     trips, [turn](int side) { turn->give(side); },
                                     [turn](int side) { turn->spin_until_given(side); }));
    peers.add("mp::Pipe try_recv",
              round_trips_by_pipe(
                  trips, [](const mp::Connection& end) { end.send(std::uint64_t{1}); },
                  [](const mp::Connection& end) {
                      while (!end.try_recv<std::uint64_t>()) continue;
                  }),
              {{.ratio_at_most = 3}});
    peers.add("mp::Pipe poll, recv",
              round_trips_of_bytes(trips, [](const mp::Connection& end, Message& message) {
                  while (!end.poll()) continue;
                  end.recv_bytes_into(message);
              }));
    peers.add("spinning ring", round_trips<SpinningRing>(trips));
    peers.compare("Round trip of 8 B, two processors, spinning", "us", 2, processors(), time_of_trip);
}

void blocking_latency(std::size_t processor_count) {
    std::vector<int> cpus = processors();
    cpus.resize(std::min(cpus.size(), processor_count));
    const bool one = cpus.size() == 1;
    const int trips = one ? 1000 : 100;
    Peers peers(script);
    peers.add("socketpair", round_trips<StreamSocket>(trips));
    peers.add("mp::Pipe",
              round_trips_of_bytes(trips, [](const mp::Connection& end,
                                             Message& message) { end.recv_bytes_into(message); }),
              {{.ratio_at_most = 1.1}});
    const Shared<Turn> turn;
    peers.add("raw futex", to_and_fro(
                               trips, [turn](int side) { turn->give_and_wake(side); },
                               [turn](int side) { turn->sleep_until_given(side); }));
    peers.add("pipe", round_trips<Pipe>(trips, false));
    peers.add_python("Pipe", fmt::format("latency {}", cpus.size()));
    peers.compare(
        fmt::format("Round trip of 8 B, {}, blocking", one ? "one processor" : "two processors"), "us",
        2, cpus, time_of_trip);
}

void latency() {
    if (processors().size() > 1) spinning_latency();
    blocking_latency(1);
    if (processors().size() > 1) blocking_latency(2);
}

// ---------------------------------------------------------------- values

void values() {
    const auto ends = std::make_shared<mp::ConnectionPair>(mp::Pipe());
    Peers peers(script);
    peers.add_python("Pipe", "typed");
    peers.add("mp::Pipe",
              stream_of_values<Measurement>(
                  {1, 2.5, std::string(32, 'x')},
                  [ends](const Measurement& value) { ends->first.send(value); },
                  [ends] { return ends->second.recv<Measurement>(); }),
              {{.ratio_at_least = 30}});
    peers.compare("struct of int, double, std::string, 1 to 1", "million/s", 2, processors(),
                  millions_a_second);
}

// ---------------------------------------------------------------- many pipes

struct ManyPipes {
    ManyPipes() {
        for (int i = 0; i < 64; ++i) {
            auto [there, here] = mp::Pipe();
            others.push_back(std::move(there));
            ends.push_back(std::move(here));
        }
    }
    mp::Connection& next_other() { return others[next++ % others.size()]; }
    mp::Connection& ready_end() { return ends[mp::wait(ends).front()]; }

    std::vector<mp::Connection> ends, others;
    std::size_t next = 0;
    mp::Connection* in_use = nullptr;
};

void ready_at_once() {
    constexpr int trips = 1000;
    const auto pipes = std::make_shared<ManyPipes>();
    Peers peers(script);
    peers.add_python("wait", "ready");
    peers.add("mp::wait", [=, message = Message(8)](int, const std::atomic<bool>&) mutable {
        return time_of_each<std::chrono::microseconds>(trips, [&] {
            pipes->next_other().send_bytes(message);
            pipes->ready_end().recv_bytes_into(message);
        });
    });
    peers.compare("One sends by one of 64 pipes, waits for all, receives", "us", 1, processors(),
                  time_of_trip);
}

void served() {
    constexpr int trips = 100;
    const auto pipes = std::make_shared<ManyPipes>();
    Peers peers(script);
    peers.add_python("wait", "server");
    // Each member has its own in use.
    peers.add("mp::wait", to_and_fro(
                              trips,
                              [=, message = Message(8)](int side) {
                                  if (side == 0) pipes->in_use = &pipes->next_other();
                                  pipes->in_use->send_bytes(message);
                              },
                              [=, message = Message(8)](int side) mutable {
                                  if (side == 0) pipes->in_use = &pipes->ready_end();
                                  pipes->in_use->recv_bytes_into(message);
                              }));
    peers.compare("Round trip of 8 B to one that waits for 64 pipes", "us", 2, processors(),
                  time_of_trip);
}

// ---------------------------------------------------------------- idle

void idle() {
    const auto received = mp::Pipe(), looked_at = mp::Pipe();
    std::vector<Waiters> all;
    all.emplace_back(
        "mp::Pipe recv", [&] { (void)received.first.recv<int>(); },
        [&] {
            for (int i = 0; i < 8; ++i) received.second.send(1);
        });
    all.emplace_back(
        "mp::wait", [&] { mp::wait(mp::forever, looked_at.first); }, [&] { looked_at.second.send(1); });
    print_idle(all);
}

// ---------------------------------------------------------------- the parts

const std::vector<Part> parts = {
    {"throughput", [] { throughput(); }},
    {"long", [] { long_messages(), long_values(); }},
    {"latency", latency},
    {"values", values},
    {"many", [] { ready_at_once(), served(); }},
    {"idle", idle},
};

}  // namespace

int main(int argc, char** argv) try {
    run_parts(parts, argc, argv);
} catch (const std::exception& error) {
    fmt::print(stderr, "connections: {}\n", error.what());
    return 1;
}
