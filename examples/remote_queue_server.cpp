// SPDX-License-Identifier: Apache-2.0

// usage: remote_queue_server HOST PORT
// Two queues for programs on any host: of tasks, and of their results. It puts numbers, and prints what
// remote_queue_client, in C++ or Python, makes of them. PORT 0: any that is free. It says which.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <cstdio>
#include <optional>
#include <string>
#include <utility>

using Tasks = mp::JoinableQueue<std::optional<int>>;
using Results = mp::Queue<std::pair<int, int>>;

// The same queue for all who ask.
Tasks get_tasks() {
    static const Tasks tasks;
    return tasks;
}
Results get_results() {
    static const Results results;
    return results;
}

struct QueueManager : mp::BaseManager {
    explicit QueueManager(mp::Address address) : BaseManager(address, "abracadabra") {
        register_type<Tasks>("get_tasks", get_tasks);
        register_type<Results>("get_results", get_results);
    }
};

int main(int argc, char** argv) {
    if (argc != 3) {
        fmt::print(stderr, "usage: remote_queue_server HOST PORT\n");
        return 2;
    }
    QueueManager manager(mp::Address(argv[1], static_cast<std::uint16_t>(std::stoi(argv[2]))));
    manager.start();
    fmt::print("serving at port {}\n", manager.address().port());
    std::fflush(stdout);

    auto tasks = manager.create<Tasks>("get_tasks");
    auto results = manager.create<Results>("get_results");
    for (int number = 1; number <= 5; ++number) tasks.put(number);
    tasks.put(std::nullopt);  // There are no more.
    for (int i = 0; i < 5; ++i) {
        const auto [number, square] = results.get();
        fmt::print("the square of {} is {}\n", number, square);
    }
    tasks.join();
}
