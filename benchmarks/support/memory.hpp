// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace procession::benchmark {

/// The bytes that the program's shared memory really has.
inline double shared_memory_in_use() {
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code closed_meanwhile;
        const auto target = std::filesystem::read_symlink(entry.path(), closed_meanwhile);
        if (!target.native().starts_with("/memfd:procession-heap")) continue;
        struct stat status {};
        if (::stat(entry.path().c_str(), &status) == 0)
            return 512.0 * static_cast<double>(status.st_blocks);
    }
    throw std::runtime_error("this program has no shared memory");
}

/// What a file of /proc says of `key`: the number behind it.
inline double number_in(const std::string& path, const std::string& key) {
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);)
        if (line.starts_with(key)) return std::stod(line.substr(key.size()));
    throw std::runtime_error(fmt::format("{} says nothing of {}", path, key));
}

/// The bytes that a process has for itself alone.
inline double private_memory_in_use(int pid) {
    return 1024 * number_in(fmt::format("/proc/{}/status", pid), "RssAnon:");
}

}  // namespace procession::benchmark
