// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "support/channels/message.hpp"
#include "support/comparison.hpp"
#include "support/crew.hpp"
#include "support/python.hpp"
#include "support/to_and_fro.hpp"

namespace procession::benchmark {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int turns = 31;
constexpr auto pass_time = milliseconds(20);
constexpr std::size_t sizes[] = {8, 64, 1 << 10, 64 << 10, 1 << 20};

inline std::string name_of_size(std::size_t size) {
    if (size >= 1 << 20) return fmt::format("{}MiB", size >> 20);
    return size >= 1 << 10 ? fmt::format("{}KiB", size >> 10) : fmt::format("{}B", size);
}

/// What an item of several fields is.
struct Measurement {
    int number;
    double value;
    std::string name;
    bool operator==(const Measurement&) const = default;
};

// ---------------------------------------------------------------- jobs

/// One member's part of a stream: the first `producers` send, the others receive. Its figure is how many
/// it received.
template <class Channel>
Crew::Job stream(std::shared_ptr<Channel> channel, std::size_t size, int producers) {
    return [=](int rank, const std::atomic<bool>& stop) {
        Message message(size);
        double received = 0;
        if (rank < producers) {
            while (!stop.load(std::memory_order_relaxed)) channel->send(message);
            message[0] = last;
            channel->send(message);
        } else {
            while (channel->receive(message), message[0] != last) ++received;
        }
        return received;
    };
}

/// The same of values, from one to one; a T{} is the last one.
template <class T, class Send, class Receive>
Crew::Job stream_of_values(const T& value, Send send, Receive receive) {
    return [=](int rank, const std::atomic<bool>& stop) {
        double received = 0;
        if (rank == 0) {
            while (!stop.load(std::memory_order_relaxed)) send(value);
            send(T{});
        } else {
            while (receive() != T{}) ++received;
        }
        return received;
    };
}

/// Round trips over two channels, one each way.
template <class Channel>
Crew::Job round_trips(int trips, const std::array<std::shared_ptr<Channel>, 2>& channels) {
    return to_and_fro(
        trips,
        [=, message = Message(8)](int side) { channels[static_cast<std::size_t>(side)]->send(message); },
        [=, message = Message(8)](int side) mutable {
            channels[static_cast<std::size_t>(side)]->receive(message);
        });
}

/// The same over channels that are made like this.
template <class Channel, class... Arguments>
Crew::Job round_trips(int trips, const Arguments&... arguments) {
    return round_trips<Channel>(
        trips, {std::make_shared<Channel>(8, arguments...), std::make_shared<Channel>(8, arguments...)});
}

// ---------------------------------------------------------------- figures

/// Messages a second, from the word to go until the last one was received.
inline double rate(Crew& crew, std::size_t job, milliseconds time) {
    const auto begin = Clock::now();
    const std::vector<double> received = crew.work(job, time);
    return std::accumulate(received.begin(), received.end(), 0.0) /
           std::chrono::duration<double>(Clock::now() - begin).count();
}

inline double millions_a_second(Crew& crew, std::size_t job) { return rate(crew, job, pass_time) / 1e6; }

/// What the first member says: microseconds of a round trip.
inline double time_of_trip(Crew& crew, std::size_t job) { return crew.work(job).front(); }

// ---------------------------------------------------------------- peers

/// Jobs of one crew, and what a script in CPython is asked for, to be compared.
class Peers {
  public:
    explicit Peers(std::string script) : script_(std::move(script)) {}

    void add(std::string name, Crew::Job job, Targets targets = {}) {
        peers_.push_back({std::move(name), std::move(job), {}, std::move(targets)});
    }
    /// Left out where no interpreter runs.
    void add_python(std::string name, std::string request) {
        peers_.push_back({std::move(name), {}, std::move(request), {}});
    }

    /// @param figure  of one pass of the crew's job
    void compare(const std::string& title, const std::string& unit, int crew_size,
                 const std::vector<int>& processors,
                 const std::function<double(Crew&, std::size_t job)>& figure) {
        std::unique_ptr<Python> python;
        std::vector<Crew::Job> jobs;
        for (const Peer& peer : peers_) {
            jobs.push_back(peer.job);
            if (!peer.job && !python) python = std::make_unique<Python>(script_);
        }
        Crew crew(crew_size, processors, jobs);
        Comparison comparison(title, unit);
        for (std::size_t i = 0; i < peers_.size(); ++i) {
            const Peer& peer = peers_[i];
            if (peer.job)
                comparison.add(
                    peer.name, [&crew, &figure, i] { return figure(crew, i); }, peer.targets);
            else if (*python)
                comparison.add(python->name(peer.name),
                               [&python, &peer] { return python->ask(peer.request); });
        }
        comparison.run(turns);
    }

  private:
    struct Peer {
        std::string name;
        Crew::Job job;
        std::string request;  ///< of one in CPython
        Targets targets;
    };
    std::string script_;
    std::vector<Peer> peers_;
};

}  // namespace procession::benchmark
