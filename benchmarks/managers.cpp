// SPDX-License-Identifier: Apache-2.0

// What calls of a manager's objects cost, beside a raw echo of as many bytes, Redis and CPython's manager in the
// same run, all over Unix sockets: of one client, of eight at once, of many calls sent together, and how often
// somebody has to be woken. Arguments choose some of the parts.

#include <fmt/format.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "support/comparison.hpp"
#include "support/crew.hpp"
#include "support/managers/client.hpp"
#include "support/managers/echo.hpp"
#include "support/managers/procession_manager.hpp"
#ifdef WITH_HIREDIS
#include "support/managers/redis.hpp"
#endif
#include "support/parts.hpp"
#include "support/processors.hpp"
#include "support/sleeps.hpp"
#include "support/streams.hpp"

namespace {

using namespace procession::benchmark;
using std::chrono::microseconds;

const std::string script = "managers.py";

// As they stand in the tables.
const std::string raw_echo = "raw echo", by_socket = "mp::SyncManager, socket",
                  by_rings = "mp::SyncManager, rings";

constexpr int most_clients = 8;

// ---------------------------------------------------------------- the servers

/// All that are compared, each in a process of its own. Redis is left out where it is missing.
class Servers {
  public:
    Servers() {
        all_.push_back({raw_echo, echo_.pid(), [this](int) {
                            return echo_client(echo_, manager_.bytes_of_set(), manager_.bytes_of_get());
                        }});
        all_.push_back(
            {by_socket, manager_.pid(), [this](int rank) { return manager_.connect_by_socket(rank); }});
        all_.push_back(
            {by_rings, manager_.pid(), [this](int rank) { return manager_.connect_by_rings(rank); }});
#ifdef WITH_HIREDIS
        if (redis_)
            all_.push_back(
                {redis_.name(), redis_.pid(), [this](int rank) { return redis_.connect(rank); }});
#endif
    }
    Servers(Servers&&) = delete;

    auto begin() const { return all_.begin(); }
    auto end() const { return all_.end(); }
    void pin_to(int processor) const {
        for (const Server& each : all_) pin_threads_to(processor, each.pid);
    }

  private:
    const ProcessionManager manager_{most_clients};
    const Echo echo_;
#ifdef WITH_HIREDIS
    const Redis redis_;
#endif
    std::vector<Server> all_;
};

using TargetsByName = std::map<std::string, Targets>;

/// @param job_of  what a client of a server does
template <class JobOf>
void add_servers(Peers& peers, const Servers& servers, JobOf job_of, TargetsByName targets = {}) {
    for (const Server& each : servers) peers.add(each.name, job_of(each), targets[each.name]);
}

// ---------------------------------------------------------------- where

/// The client on the first of so many processors, the servers on the last.
struct Place {
    Place(const Servers& servers, std::size_t processor_count) : all(processors()) {
        all.resize(processor_count);
        servers.pin_to(all.back());
    }
    std::vector<int> of_client() const { return {all.front()}; }
    std::string name() const { return all.size() == 1 ? "one processor" : "two processors"; }

    std::vector<int> all;
};

template <class F>
void on_one_and_two_processors(F part) {
    part(1);
    if (processors().size() > 1) part(2);
}

// ---------------------------------------------------------------- one client

constexpr int pairs = 200;

/// Microseconds of a call: values are set and got in turn.
Crew::Job time_of_call(const Server& server) {
    return [own = OwnClient(server.connect)](int rank, const std::atomic<bool>&) mutable {
        const Client& client = own.of(rank);
        return time_of_each<microseconds>(pairs, [&] { client.set(), client.get(); }) / 2;
    };
}

void one_client(std::size_t processor_count) {
    const Servers servers;
    const Place place(servers, processor_count);
    Peers peers(script);
    add_servers(peers, servers, time_of_call, {{by_socket, {{.ratio_at_most = 1.15}}}});
    peers.add_python("SyncManager", fmt::format("one {}", processor_count));
    peers.compare("A call of one client, " + place.name(), "us", 1, place.of_client(), time_of_trip);
}

// ---------------------------------------------------------------- calls a second

/// How many calls a client makes.
Crew::Job call_on(const Server& server) {
    return [own = OwnClient(server.connect)](int rank, const std::atomic<bool>& stop) mutable {
        const Client& client = own.of(rank);
        double calls = 0;
        for (; !stop.load(std::memory_order_relaxed); calls += 2) client.set(), client.get();
        return calls;
    };
}

double thousands_a_second(Crew& crew, std::size_t job) { return rate(crew, job, pass_time) / 1e3; }

/// Neither side has time to go to sleep.
void both_busy() {
    if (processors().size() < 2) return;
    const Servers servers;
    const Place place(servers, 2);
    Peers peers(script);
    add_servers(peers, servers, call_on, {{by_rings, {{.ratio_at_least = 5, .to = "Redis"}}}});
    peers.compare("One client, which calls on and on, two processors", "thousand/s", 1,
                  place.of_client(), thousands_a_second);
}

void eight_clients() {
    const Servers servers;
    Peers peers(script);
    add_servers(peers, servers, call_on,
                {{by_socket, {{.ratio_at_least = 0.95}, {.ratio_at_least = 4, .to = "CPython"}}}});
    peers.add_python("SyncManager", fmt::format("several {}", most_clients));
    peers.compare("8 clients, all processors", "thousand/s", most_clients, processors(),
                  thousands_a_second);
}

// ---------------------------------------------------------------- calls that are sent together

void batch() {
    constexpr int count = 1000;
    const Servers servers;
    const Place place(servers, processors().size() > 1 ? 2 : 1);
    Peers peers(script);
    for (const Server& each : servers) {
        const bool one_by_one = each.name == raw_echo;
        peers.add(one_by_one ? raw_echo + ", one by one" : each.name,
                  [=, own = OwnClient(each.connect)](int rank, const std::atomic<bool>&) mutable {
                      const Client& client = own.of(rank);
                      return time_of_each<microseconds>(1,
                                                        [&] {
                                                            if (!one_by_one)
                                                                return client.set_together(count);
                                                            for (int i = 0; i < count; ++i) client.set();
                                                        }) /
                             count;
                  });
    }
    peers.compare(fmt::format("Each of {} sets in one mp::Batch, or in one pipeline of Redis, {}", count,
                              place.name()),
                  "us", 1, place.of_client(), time_of_trip);
}

// ---------------------------------------------------------------- wake-ups

/// How often both sides go to sleep, and so are woken, in each call.
Crew::Job sleeps_of_call(const Server& server) {
    return
        [pid = server.pid, own = OwnClient(server.connect)](int rank, const std::atomic<bool>&) mutable {
            const Client& client = own.of(rank);
            const auto sleeps = [&] { return sleeps_of_this_process() + sleeps_of(pid); };
            const double before = sleeps();
            for (int i = 0; i < pairs; ++i) client.set(), client.get();
            return (sleeps() - before) / (2 * pairs);
        };
}

void wake_ups(std::size_t processor_count) {
    const Servers servers;
    const Place place(servers, processor_count);
    Peers peers(script);
    add_servers(peers, servers, sleeps_of_call,
                {{by_socket, {{.ratio_at_most = 1.05}}}, {by_rings, {{.ratio_at_most = 1.05}}}});
    peers.compare("Wake-ups of a call of one client, " + place.name(), "each", 1, place.of_client(),
                  time_of_trip);
}

// ---------------------------------------------------------------- the parts

const std::vector<Part> parts = {
    {"one", [] { on_one_and_two_processors(one_client); }},
    {"rings", both_busy},
    {"eight", eight_clients},
    {"batch", batch},
    {"wakeups", [] { on_one_and_two_processors(wake_ups); }},
};

}  // namespace

int main(int argc, char** argv) try {
#ifndef WITH_HIREDIS
    fmt::print("Redis is left out: libhiredis was not found when this was built\n");
#endif
    run_parts(parts, argc, argv);
} catch (const std::exception& error) {
    fmt::print(stderr, "managers: {}\n", error.what());
    return 1;
}
