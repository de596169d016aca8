// SPDX-License-Identifier: Apache-2.0

// What a process's exit code says. The exception that ends a process is reported on stderr.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <stdexcept>
#include <thread>
#include <vector>

using namespace std::chrono_literals;

void exit_error() { mp::exit(1); }
void exit_ok() {}
int return_value() { return 1; }
void raises() { throw std::runtime_error("There was an error!"); }
void terminated() { std::this_thread::sleep_for(60s); }

int main() {
    std::vector<mp::Process> jobs;
    const auto start = [&](const char* name, auto function) {
        fmt::print("Starting process for {}\n", name);
        jobs.emplace_back(mp::ProcessOptions{.name = name}, function).start();
    };
    start("exit_error", exit_error);
    start("exit_ok", exit_ok);
    start("return_value", return_value);
    start("raises", raises);
    start("terminated", terminated);
    jobs.back().terminate();
    for (mp::Process& job : jobs) {
        job.join();
        fmt::print("{}.exitcode = {}\n", job.name(), job.exitcode());
    }
}
