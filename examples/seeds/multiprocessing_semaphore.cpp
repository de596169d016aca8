// SPDX-License-Identifier: Apache-2.0

// A semaphore admits three processes at a time to a pool.

#include <fmt/format.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

/// The names of the processes that are active. The list is the one item of a queue.
class ActivePool {
  public:
    ActivePool() { active.put({}); }
    void make_active(const std::string& name) const {
        std::scoped_lock guard(lock);
        auto names = active.get();
        names.push_back(name);
        active.put(names);
    }
    void make_inactive(const std::string& name) const {
        std::scoped_lock guard(lock);
        auto names = active.get();
        std::erase(names, name);
        active.put(names);
    }
    std::string str() const {
        std::scoped_lock guard(lock);
        const auto names = active.get();
        active.put(names);
        return names.empty() ? "[]" : fmt::format("['{}']", fmt::join(names, "', '"));
    }

    template <class A>
    void serialize(A& archive) {
        archive(lock, active);
    }

  private:
    mp::Lock lock;
    mp::Queue<std::vector<std::string>> active{1};
};

void worker(mp::Semaphore s, ActivePool pool) {
    const std::string name = mp::current_process().name();
    std::scoped_lock guard(s);
    pool.make_active(name);
    fmt::print("Now running: {}\n", pool.str());
    std::this_thread::sleep_for(std::chrono::milliseconds(std::random_device()() % 1000));
    pool.make_inactive(name);
}

int main() {
    ActivePool pool;
    mp::Semaphore s(3);
    std::vector<mp::Process> jobs;
    for (int i = 0; i < 10; ++i)
        jobs.emplace_back(mp::ProcessOptions{.name = std::to_string(i)}, worker, s, pool);
    for (mp::Process& j : jobs) j.start();
    for (mp::Process& j : jobs) {
        j.join();
        fmt::print("Now running: {}\n", pool.str());
    }
}
