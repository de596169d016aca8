// SPDX-License-Identifier: Apache-2.0

// A block of memory and a list with names, which Python's multiprocessing.shared_memory opens as well.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <span>
#include <string>
#include <system_error>

std::span<int> numbers_in(const mp::SharedMemory& block) {
    return {reinterpret_cast<int*>(block.buf().data()), block.size() / sizeof(int)};
}

void square_all(mp::SharedMemory block) {
    for (int& number : numbers_in(block)) number *= number;
}

void report(std::string name) {
    const mp::ShareableList list(name);  // Python: ShareableList(name=name)
    list.set(1, "done");
    list.set(2, 4);
}

int main() {
    // Without a name of our own, it goes with the program, even if that is killed.
    const mp::SharedMemory block(mp::create, 4 * sizeof(int));
    for (int i = 0; int& number : numbers_in(block)) number = i++;
    mp::Process squarer(square_all, block);
    squarer.start();
    squarer.join();
    for (const int number : numbers_in(block)) fmt::print("{} ", number);
    fmt::print("\n");

    mp::SharedMemoryManager manager;
    manager.start();
    const mp::ShareableList list = manager.ShareableList({"squares", "to do", nullptr});
    mp::Process reporter(report, list.shm().name());
    reporter.start();
    reporter.join();
    fmt::print("{}: {}, {} numbers\n", list[0].as<std::string>(), list[1], list[2]);

    // Those who have it open keep the memory; nobody else finds it any more.
    manager.shutdown();
    try {
        const mp::SharedMemory gone(list.shm().name());
    } catch (const std::system_error& error) {
        fmt::print("{}; but {}\n", error.code().message(), list[0]);
    }
}
