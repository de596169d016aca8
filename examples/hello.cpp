// SPDX-License-Identifier: Apache-2.0

// A process that is given a queue and a name, and answers.

#include <fmt/core.h>
#include <procession/mp.hpp>

#include <string>

void hello(mp::Queue<std::string> out, std::string name) { out.put("hello " + name); }

int main() {
    mp::Queue<std::string> out;
    mp::Process process(hello, out, "Bob");
    process.start();
    fmt::print("{}\n", out.get());
    process.join();
}
