// SPDX-License-Identifier: Apache-2.0

// Ten processes put who they are and when it is into a queue that holds three items; ten others get that
// and print it. A lock keeps their lines apart.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <cstdio>
#include <mutex>
#include <string>
#include <vector>

double time_now() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

void input_q(mp::Queue<std::string> queue) {
    queue.put(fmt::format("{}(put):{:.2f}", mp::current_process().pid(), time_now()));
}

void output_q(mp::Queue<std::string> queue, mp::Lock lock) {
    const std::string info = queue.get();
    const std::scoped_lock guard(lock);
    fmt::print("{}(get):{}\n", mp::current_process().pid(), info);
    std::fflush(stdout);
}

int main() {
    std::vector<mp::Process> record1;  // the putters
    std::vector<mp::Process> record2;  // the getters
    mp::Lock lock;                     // to prevent messy print
    mp::Queue<std::string> queue(3);

    for (int i = 0; i < 10; ++i) {
        record1.emplace_back(input_q, queue);
        record1.back().start();
    }
    for (int i = 0; i < 10; ++i) {
        record2.emplace_back(output_q, queue, lock);
        record2.back().start();
    }
    for (mp::Process& p : record1) p.join();
    queue.close();  // no more will come from here; those who get are not disturbed
    for (mp::Process& p : record2) p.join();
}
