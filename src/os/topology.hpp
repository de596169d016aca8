// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "os/processors.hpp"

namespace procession::inline v0::os {

/// A processor and where it is.
struct Processor {
    int number;
    int package;  ///< socket
    int node;     ///< of memory
    int core;     ///< the lowest number of the processors that are threads of one core
    friend bool operator==(const Processor&, const Processor&) = default;
};

/// The part of the machine that this process may use.
struct Topology {
    std::vector<Processor> processors;  ///< by number; those that may be used
    std::vector<int> online;            ///< the numbers of all that the machine has
    std::vector<int> nodes;             ///< the numbers of its memory nodes

    /// As sysfs describes it below `root`. Where that is silent, each processor is a core of one package.
    static Topology read(const std::string& root = "/sys/devices/system",
                         std::span<const int> usable = usable_processors());
};

/// "0-3,8" as numbers; what is not in this form (cpuset(7)) ends it.
std::vector<int> parse_number_list(const std::string&);
/// The other way round.
std::string to_number_list(std::span<const int>);

}  // namespace procession::inline v0::os
