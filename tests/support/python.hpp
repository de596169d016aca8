// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "support/program.hpp"

namespace procession::test {

struct Python {
    std::string path;
    int minor;  ///< of 3.minor
};

/// The python3 of the PATH, and what PROCESSION_PYTHONS lists (paths with ':' between them), of 3.`least`
/// or later.
inline std::vector<Python> pythons(int least) {
    std::vector<std::string> paths = {"python3"};
    if (const char* const listed = std::getenv("PROCESSION_PYTHONS")) {
        std::istringstream in(listed);
        for (std::string path; std::getline(in, path, ':');) paths.push_back(path);
    }
    std::vector<Python> found;
    for (const std::string& path : paths) {
        const Ended ended =
            run_program({"/usr/bin/env", path, "-c", "import sys; print(sys.version_info[1])"});
        if (ended.code == 0)
            if (const int minor = std::atoi(ended.output.c_str()); minor >= least)
                found.push_back({path, minor});
    }
    return found;
}

}  // namespace procession::test
