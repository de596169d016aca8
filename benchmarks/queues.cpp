// SPDX-License-Identifier: Apache-2.0

// What queues between processes cost, beside Boost.Interprocess, ZeroMQ, the kernel's own channels, CPython
// and a ring that does nothing but spin, in the same run: throughput, round trips, items of several types,
// memory, and waiting long. Arguments choose some of the parts. `rows METRIC` prints the library's own
// figures alone, for a harness that compares programs.

#include <fmt/format.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/channels/boost_queue.hpp"
#include "support/channels/kernel.hpp"
#include "support/channels/message.hpp"
#include "support/channels/procession_queue.hpp"
#include "support/channels/spinning_ring.hpp"
#ifdef WITH_ZEROMQ
#include "support/channels/zeromq.hpp"
#endif
#include "support/crew.hpp"
#include "support/memory.hpp"
#include "support/parts.hpp"
#include "support/processors.hpp"
#include "support/shared.hpp"
#include "support/streams.hpp"
#include "support/to_and_fro.hpp"
#include "support/waiters.hpp"

namespace {

using namespace procession::benchmark;

// ---------------------------------------------------------------- throughput

Targets throughput_targets(std::size_t size, int producers) {
    Targets targets;
    if (size == 8 && producers == 1)
        targets = {{.ratio_at_least = 5, .to = "Boost message_queue"},
                   {.ratio_at_least = 100, .to = "CPython"}};
    if (producers > 1) targets.push_back({.ratio_at_least = 3, .to = "ZeroMQ"});
    if (size >= 64 << 10) targets.push_back({.ratio_at_least = 0.8, .to = "spinning ring"});
    return targets;
}

void throughput(std::size_t size, int producers) {
    Peers peers("queues.py");
    const auto add = [&](std::string name, auto channel, Targets targets = {}) {
        peers.add(std::move(name), stream(std::move(channel), size, producers), std::move(targets));
    };
    add("spinning ring", std::make_shared<SpinningRing>(size));
    add("mp::Queue", std::make_shared<ProcessionQueue>(size), throughput_targets(size, producers));
    add("Boost message_queue", std::make_shared<BoostQueue>(size));
#ifdef WITH_ZEROMQ
    add("ZeroMQ PUSH, PULL", std::make_shared<ZeroMq>(size, producers));
#endif
    add(producers > 1 ? "pipe and mutexes" : "pipe", std::make_shared<Pipe>(size, producers > 1));
    if (const auto socket = std::make_shared<PacketSocket>(size); socket->takes(size))
        add("socketpair of packets", socket);
    if (size <= PosixQueue::longest) add("POSIX queue of 10", std::make_shared<PosixQueue>(size));
    peers.add_python("Queue", fmt::format("throughput {} {} {}", producers, size, capacity(size)));
    peers.compare(fmt::format("{}, {} to {}, queues of {}", name_of_size(size), producers, producers,
                              capacity(size)),
                  "million/s", 2 * producers, processors(), millions_a_second);
}

void throughput() {
#ifndef WITH_ZEROMQ
    fmt::print("ZeroMQ is left out: libzmq was not found when this was built\n");
#endif
    for (const int producers : {1, 4})
        for (const std::size_t size : sizes) throughput(size, producers);
}

// ---------------------------------------------------------------- latency

using Numbers = mp::Queue<std::uint64_t>;

void spinning_latency() {
    constexpr int trips = 20'000;
    Peers peers("queues.py");
    const Shared<Turn> turn;
    peers.add("one atomic word", to_and_fro(
                                     trips, [turn](int side) { turn->give(side); },
                                     [turn](int side) { turn->spin_until_given(side); }));
    const std::array<Numbers, 2> queues;
    peers.add("mp::Queue try_get",
              to_and_fro(
                  trips, [queues](int side) { queues[static_cast<std::size_t>(side)].put(1); },
                  [queues](int side) {
                      while (!queues[static_cast<std::size_t>(side)].try_get()) continue;
                  }),
              {{.ratio_at_most = 2.5}});
    peers.add("spinning ring", round_trips<SpinningRing>(trips));
    peers.compare("Round trip of 8 B, two processors, spinning", "us", 2, processors(), time_of_trip);
}

void blocking_latency(std::size_t processor_count) {
    std::vector<int> cpus = processors();
    cpus.resize(std::min(cpus.size(), processor_count));
    const bool one = cpus.size() == 1;
    const int trips = one ? 1000 : 100;
    Peers peers("queues.py");
    const Shared<Turn> turn;
    peers.add("raw futex", to_and_fro(
                               trips, [turn](int side) { turn->give_and_wake(side); },
                               [turn](int side) { turn->sleep_until_given(side); }));
    const std::array<Numbers, 2> queues;
    peers.add("mp::Queue get",
              to_and_fro(
                  trips, [queues](int side) { queues[static_cast<std::size_t>(side)].put(1); },
                  [queues](int side) { (void)queues[static_cast<std::size_t>(side)].get(); }),
              one ? Targets{{.ratio_at_most = 1.1}} : Targets{});
    peers.add("Boost message_queue", round_trips<BoostQueue>(trips));
    peers.add("pipe", round_trips<Pipe>(trips, false));
    peers.add("socketpair of packets", round_trips<PacketSocket>(trips));
    peers.add("POSIX queue", round_trips<PosixQueue>(trips));
    peers.add_python("Queue", fmt::format("latency {}", cpus.size()));
    peers.compare(
        fmt::format("Round trip of 8 B, {}, blocking", one ? "one processor" : "two processors"), "us",
        2, cpus, time_of_trip);
}

void latency() {
    if (processors().size() > 1) spinning_latency();
    blocking_latency(1);
    if (processors().size() > 1) blocking_latency(2);
}

// ---------------------------------------------------------------- types

/// @param python_type  what is the like of it there
template <class T>
void typed(const std::string& title, const T& item, const std::string& python_type) {
    const mp::Queue<T> queue(capacity(8));
    const auto together = [=](int rank, const std::atomic<bool>& stop) {
        double received = 0;
        if (rank == 0) {
            const std::vector<T> items(64, item);
            while (!stop.load(std::memory_order_relaxed)) queue.put_many(items);
            queue.put(T{});
        } else {
            for (bool ended = false; !ended;) {
                const std::vector<T> items = queue.get_many(64);
                ended = items.back() == T{};
                received += static_cast<double>(items.size() - ended);
            }
        }
        return received;
    };
    Peers peers("queues.py");
    peers.add_python("Queue", fmt::format("typed {} {}", python_type, capacity(8)));
    peers.add("mp::Queue",
              stream_of_values<T>(
                  item, [queue](const T& value) { queue.put(value); }, [queue] { return queue.get(); }));
    peers.add("mp::Queue, 64 together", together);
    peers.compare(fmt::format("{}, 1 to 1, queues of {}", title, capacity(8)), "million/s", 2,
                  processors(), millions_a_second);
}

void types() {
    const std::string text(32, 'x');
    typed<int>("int", 1, "int");
    typed<std::string>("std::string of 32", text, "str");
    typed<Measurement>("struct of int, double, std::string", {1, 2.5, text}, "tuple");
}

// ---------------------------------------------------------------- memory

void memory() {
    constexpr int items = 10'000'000;
    constexpr double target = 32;
    const mp::Queue<std::int64_t> queue;
    const double before = shared_memory_in_use();
    for (std::int64_t i = 0; i < items; ++i) queue.put(i);
    const double peak = (shared_memory_in_use() - before) / items;
    for (std::int64_t i = 0; i < items; ++i)
        if (queue.get() != i) throw std::runtime_error("items came in another order");
    const double left = shared_memory_in_use() - before;
    fmt::print("\nShared memory of {} million items of 8 B\n", items / 1'000'000);
    fmt::print("{:<28} {:>9.2f} B an item  <= {:g} {}\n", "at the peak", peak, target,
               peak <= target ? "met" : "MISSED");
    fmt::print("{:<28} {:>9.2f} MiB of {:.2f} MiB\n", "once drained", left / (1 << 20),
               peak * items / (1 << 20));
}

// ---------------------------------------------------------------- idle

void idle() {
    const mp::Queue<int> queue;
    std::vector<Waiters> all;
    all.emplace_back(
        "mp::Queue get", [&] { (void)queue.get(); }, [&] { queue.put_many(std::vector<int>(8)); });
    print_idle(all);
}

// ---------------------------------------------------------------- rows for a harness

int from_environment(const char* name, int otherwise) {
    const char* const value = std::getenv(name);
    return value ? std::atoi(value) : otherwise;
}
int repetitions() { return from_environment("PEERS_REPS", 5); }
milliseconds repetition_time() { return milliseconds(from_environment("PEERS_MS", 100)); }

void print_row(const std::string& metric, const std::string& parameters, const std::string& unit,
               const std::vector<double>& values) {
    fmt::print("{}\tProcession\t{}\t{}", metric, parameters, unit);
    for (const double value : values) fmt::print("\t{:.6g}", value);
    fmt::print("\n");
    std::fflush(stdout);
}

void throughput_rows(const std::string& metric, int producers) {
    for (const std::size_t size : sizes) {
        Crew crew(2 * producers, {}, {stream(std::make_shared<ProcessionQueue>(size), size, producers)});
        rate(crew, 0, pass_time);
        std::vector<double> rates;
        for (int i = 0; i < repetitions(); ++i) rates.push_back(rate(crew, 0, repetition_time()));
        print_row(metric, fmt::format("{0}->{0} {1}", producers, name_of_size(size)), "msg/s", rates);
    }
}

struct Percentiles {
    int trips;
    double p50, p99;
};

/// Times each of the trips by itself, in microseconds.
Crew::Job round_trip_percentiles(std::size_t size, Shared<Percentiles> percentiles) {
    const std::array channels{std::make_shared<ProcessionQueue>(size),
                              std::make_shared<ProcessionQueue>(size)};
    return [=](int rank, const std::atomic<bool>&) {
        Message message(size);
        std::vector<double> times(static_cast<std::size_t>(percentiles->trips));
        auto before = Clock::now();
        for (double& time : times) {
            if (rank == 0) channels[0]->send(message), channels[1]->receive(message);
            if (rank == 1) channels[0]->receive(message), channels[1]->send(message);
            const auto now = Clock::now();
            time = std::chrono::duration<double, std::micro>(now - before).count();
            before = now;
        }
        if (rank == 0) {
            std::sort(times.begin(), times.end());
            percentiles->p50 = times[times.size() / 2];
            percentiles->p99 = times[times.size() * 99 / 100];
        }
        return 0.0;
    };
}

void latency_rows() {
    const std::vector<int> cpus = processors();
    const std::pair<const char*, std::vector<int>> places[] = {
        {"unpinned", {}}, {"two CPUs", cpus}, {"one CPU", {cpus.front()}}};
    for (const auto& [place, on] : places) {
        const Shared<Percentiles> percentiles;
        Crew crew(2, on, {round_trip_percentiles(64, percentiles)});
        percentiles->trips = 500;
        crew.work(0);
        const double wanted = std::chrono::duration<double, std::micro>(repetition_time()).count();
        percentiles->trips = static_cast<int>(std::clamp(wanted / percentiles->p50, 500.0, 1e5));
        std::vector<double> p50, p99;
        for (int i = 0; i < repetitions(); ++i) {
            crew.work(0);
            p50.push_back(percentiles->p50);
            p99.push_back(percentiles->p99);
        }
        print_row("latency", fmt::format("64B {} p50", place), "us", p50);
        print_row("latency", fmt::format("64B {} p99", place), "us", p99);
    }
}

/// Nothing where the metric is another.
void print_rows(const std::string& metric) {
    if (metric == "queue") throughput_rows(metric, 1);
    if (metric == "queue4") throughput_rows(metric, 4);
    if (metric == "latency") latency_rows();
}

// ---------------------------------------------------------------- the parts

// Memory first: what other parts left warm would count as there before.
const std::vector<Part> parts = {
    {"memory", memory}, {"throughput", [] { throughput(); }}, {"latency", latency}, {"types", types},
    {"idle", idle},
};

}  // namespace

int main(int argc, char** argv) try {
    if (argc == 3 && argv[1] == std::string("rows")) {
        print_rows(argv[2]);
        return 0;
    }
    run_parts(parts, argc, argv);
} catch (const std::exception& error) {
    fmt::print(stderr, "queues: {}\n", error.what());
    return 1;
}
