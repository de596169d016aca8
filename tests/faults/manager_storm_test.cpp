// SPDX-License-Identifier: Apache-2.0

// A thousand clients are connected to a manager's server at once, and many of them are killed as they call: the
// others' calls are all done and counted once, and in the end the server has as many objects, descriptors,
// connections and threads as at the beginning, and about as much memory.

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "support/waiting.hpp"

namespace {

using namespace std::chrono_literals;
namespace test = procession::test;

constexpr int clients = 1000;
constexpr int killed = 100;
constexpr int rounds = 25;  ///< of four calls each

/// Counts who has called, and how often.
class Tally {
  public:
    void add(int client) { ++counts_.at(static_cast<std::size_t>(client)); }
    std::vector<int> counts() const { return {counts_.begin(), counts_.end()}; }

  private:
    std::vector<std::atomic<int>> counts_ = std::vector<std::atomic<int>>(clients);
};

std::shared_ptr<Tally> the_tally() {
    static const auto tally = std::make_shared<Tally>();
    return tally;
}

struct TallyManager : mp::SyncManager {
    explicit TallyManager(mp::Address address = {}, mp::AuthKey key = {})
        : SyncManager(std::move(address), std::move(key)) {
        register_type<Tally>("Tally", the_tally, mp::method<&Tally::add>("add"),
                             mp::method<&Tally::counts>("counts"));
    }
};

void call_around(int client, const mp::Proxy<Tally>& tally, const mp::DictProxy<std::string, int>& own,
                 const mp::SemaphoreProxy& permits) {
    for (int i = 0; i < rounds; ++i) {
        tally.call<&Tally::add>(client);
        own["round"] = i;
        permits.acquire();
        permits.release();
    }
}

/// A client like one of another program's: it connects to the address.
void connect_and_call(int client, mp::Address address, std::string key, mp::Semaphore connected,
                      mp::Event go) {
    TallyManager manager(std::move(address), key);
    manager.connect();
    const auto tally = manager.create<Tally>("Tally");
    const auto own = manager.dict<std::string, int>();
    const auto permits = manager.Semaphore(1);
    connected.release();
    go.wait();
    call_around(client, tally, own, permits);
}

/// A client of the server's own program, by proxies that it is given.
void call_by_proxies(int client, mp::Proxy<Tally> tally, mp::DictProxy<std::string, int> own,
                     mp::SemaphoreProxy permits, mp::Semaphore connected, mp::Event go) {
    tally.call<std::vector<int>>("counts");
    connected.release();
    go.wait();
    call_around(client, tally, own, permits);
}

std::size_t descriptors_of(int pid) {
    const std::filesystem::directory_iterator all("/proc/" + std::to_string(pid) + "/fd");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

std::size_t megabytes_of(int pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
    std::size_t size = 0, resident = 0;
    file >> size >> resident;
    return resident * 4 / 1024;
}

TEST(ManagerStorm, a_thousand_clients_are_served_and_killed) {
    TallyManager manager;
    manager.start();
    const int server = manager.process().pid();
    const auto tally = manager.create<Tally>("Tally");
    const auto permits = manager.Semaphore(8);
    const std::size_t objects_before = manager.number_of_objects();
    const std::size_t descriptors_before = descriptors_of(server);
    [[maybe_unused]] const std::size_t memory_before = megabytes_of(server);

    const mp::Semaphore connected(0);
    const mp::Event go;
    std::vector<mp::Process> processes;
    std::vector<mp::DictProxy<std::string, int>> own;
    for (int i = 0; i < clients; ++i) {
        if (i % 2 == 0) {
            processes.emplace_back(connect_and_call, i, manager.address(),
                                   mp::current_process().authkey().bytes(), connected, go);
        } else {
            own.push_back(manager.dict<std::string, int>());
            processes.emplace_back(call_by_proxies, i, tally, own.back(), permits, connected, go);
        }
        processes.back().start();
    }
    own.clear();
    for (int i = 0; i < clients; ++i) connected.acquire();

    go.set();
    std::mt19937 random(42);
    std::set<std::size_t> victims;
    while (victims.size() < killed) {
        const std::size_t victim = random() % clients;
        if (!victims.insert(victim).second) continue;
        processes[victim].kill();
    }
    for (mp::Process& each : processes) each.join();

    const auto counts = tally.call<&Tally::counts>();
    for (std::size_t i = 0; i < clients; ++i) {
        if (processes[i].exitcode() == 0)
            EXPECT_EQ(counts[i], rounds) << "client " << i;
        else
            EXPECT_LE(counts[i], rounds) << "client " << i;
        EXPECT_TRUE(processes[i].exitcode() == 0 || victims.contains(i)) << "client " << i;
    }
    // Who was killed within has its permit back: all eight are there.
    for (int i = 0; i < 8; ++i) EXPECT_TRUE(permits.acquire(20s)) << i;
    EXPECT_FALSE(permits.acquire(0s));

    test::wait_until([&] { return manager.number_of_objects() == objects_before; });
    test::wait_until([&] { return descriptors_of(server) <= descriptors_before; });
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // which keep what was freed
    EXPECT_LT(megabytes_of(server), memory_before + 64);
#endif
}

}  // namespace
