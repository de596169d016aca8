// SPDX-License-Identifier: Apache-2.0

// usage: remote_queue_client HOST PORT
// Does the tasks of remote_queue_server, in C++ or Python, that listens there.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <optional>
#include <string>
#include <utility>

using Tasks = mp::JoinableQueue<std::optional<int>>;
using Results = mp::Queue<std::pair<int, int>>;

int main(int argc, char** argv) {
    if (argc != 3) {
        fmt::print(stderr, "usage: remote_queue_client HOST PORT\n");
        return 2;
    }
    const mp::Address server(argv[1], static_cast<std::uint16_t>(std::stoi(argv[2])));
    mp::BaseManager manager(server, "abracadabra");
    manager.connect();

    auto tasks = manager.create<Tasks>("get_tasks");
    auto results = manager.create<Results>("get_results");
    int done = 0;
    for (bool is_last = false; !is_last; tasks.task_done()) {
        if (const std::optional<int> number = tasks.get()) {
            results.put({*number, *number * *number});
            ++done;
        } else {
            is_last = true;
        }
    }
    fmt::print("{} tasks are done\n", done);
}
