// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace procession::test {

/// How a program ended, and what it wrote to stdout and stderr, which are one pipe.
struct Ended {
    int code;  ///< n, or -signal
    std::string output;
};

/// Runs a program to its end. `environment`: "NAME=value", beside what this process has.
Ended run_program(std::vector<std::string> arguments, std::vector<std::string> environment = {});

}  // namespace procession::test
