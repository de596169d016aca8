// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/surroundings.hpp"

namespace procession::benchmark {

struct Part {
    std::string name;
    std::function<void()> run;
};

inline const Part& part_named(const std::vector<Part>& parts, const std::string& name) {
    const auto part =
        std::find_if(parts.begin(), parts.end(), [&](const Part& p) { return p.name == name; });
    if (part != parts.end()) return *part;
    std::string names;
    for (const Part& each : parts) names += ' ' + each.name;
    throw std::invalid_argument("no part is called \"" + name + "\"; there are" + names);
}

/// Those that the command line names; all if it names none.
inline void run_parts(const std::vector<Part>& parts, int argc, char** argv) {
    std::vector<Part> chosen;
    for (int i = 1; i < argc; ++i) chosen.push_back(part_named(parts, argv[i]));
    print_surroundings();
    for (const Part& part : chosen.empty() ? parts : chosen) part.run();
}

}  // namespace procession::benchmark
