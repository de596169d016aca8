// SPDX-License-Identifier: Apache-2.0

// Several workers consume tasks and pass results back. One "stop" value per worker, the poison pill, ends
// them.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <cstdio>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

struct Task {
    int a, b;

    std::string str() const { return fmt::format("{} * {}", a, b); }
    std::string operator()() const {
        std::this_thread::sleep_for(100ms);  // pretend to take some time to do the work
        return fmt::format("{} = {}", str(), a * b);
    }
};
using Tasks = mp::JoinableQueue<std::optional<Task>>;
using Results = mp::Queue<std::string>;

struct Consumer : mp::Subclass<Consumer> {
    Tasks tasks;
    Results results;

    Consumer() = default;
    Consumer(Tasks t, Results r) : tasks(std::move(t)), results(std::move(r)) {}
    void run() override {
        const std::string proc_name = name();
        for (;;) {
            const auto next_task = tasks.get();
            fmt::print("{}: {}\n", proc_name, next_task ? next_task->str() : "Exiting");
            std::fflush(stdout);
            if (next_task) results.put((*next_task)());
            tasks.task_done();
            if (!next_task) break;
        }
    }

    template <class A>
    void serialize(A& archive) {
        archive(tasks, results);
    }
};

int main() {
    const Tasks tasks;
    const Results results;

    const int num_consumers = 4;
    fmt::print("Creating {} consumers\n", num_consumers);
    std::fflush(stdout);
    std::vector<Consumer> consumers;
    for (int i = 0; i < num_consumers; ++i) consumers.emplace_back(tasks, results);
    for (Consumer& w : consumers) w.start();

    const int num_jobs = 10;
    for (int i = 0; i < num_jobs; ++i) tasks.put(Task{i, i});
    for (int i = 0; i < num_consumers; ++i) tasks.put(std::nullopt);

    tasks.join();
    for (int i = 0; i < num_jobs; ++i) fmt::print("Result: {}\n", results.get());
}
