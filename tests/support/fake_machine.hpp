// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <string>

#include "support/folder.hpp"

namespace procession::test {

/// What sysfs says of a machine of two packages, each a memory node of 16 cores of two threads: processors
/// n and n + 32 are one core, and the packages take turns.
struct FakeMachine : Folder {
    static constexpr int cores = 32;

    FakeMachine() {
        write("cpu/online", "0-63");
        write("node/online", "0-1");
        std::string members[2];
        for (int number = 0; number < 2 * cores; ++number) {
            const int core = number % cores, package = core % 2;
            const std::string folder = fmt::format("cpu/cpu{}/topology/", number);
            write(folder + "physical_package_id", std::to_string(package));
            write(folder + "core_cpus_list", fmt::format("{},{}", core, core + cores));
            members[package] += fmt::format("{}{}", members[package].empty() ? "" : ",", number);
        }
        for (int node = 0; node < 2; ++node)
            write(fmt::format("node/node{}/cpulist", node), members[node]);
    }
};

}  // namespace procession::test
