// SPDX-License-Identifier: Apache-2.0

// Two processes have an end of a pipe each, and send in both directions.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <cstdio>
#include <string>

void proc1(mp::Connection pipe) {
    pipe.send("hello");
    fmt::print("proc1 rec: {}\n", pipe.recv<std::string>());
}

void proc2(mp::Connection pipe) {
    fmt::print("proc2 rec: {}\n", pipe.recv<std::string>());
    std::fflush(stdout);
    pipe.send("hello, too");
}

int main() {
    // Build a pipe
    auto pipe = mp::Pipe();
    // Pass an end of the pipe to process 1
    mp::Process p1(proc1, std::move(pipe.first));
    // Pass the other end of the pipe to process 2
    mp::Process p2(proc2, std::move(pipe.second));
    p1.start();
    p2.start();
    p1.join();
    p2.join();
}
