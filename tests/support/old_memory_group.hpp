// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace procession::test {

/// A control group of version 1, for machines where the other has no memory controller.
class OldMemoryGroup {
  public:
    explicit OldMemoryGroup(std::size_t limit)
        : folder_(fmt::format("/sys/fs/cgroup/memory{}/procession-test-{}", own_path(), ::getpid())) {
        if (::mkdir(folder_.c_str(), 0755) != 0) return;
        std::ofstream(folder_ + "/memory.limit_in_bytes") << limit;
        std::ofstream(folder_ + "/memory.swappiness") << 0;
        works_ = std::filesystem::exists(folder_ + "/memory.limit_in_bytes");
    }
    ~OldMemoryGroup() { ::rmdir(folder_.c_str()); }
    OldMemoryGroup(OldMemoryGroup&&) = delete;
    bool works() const { return works_; }
    const std::string& folder() const { return folder_; }

  private:
    static std::string own_path() {
        std::ifstream file("/proc/self/cgroup");
        for (std::string line; std::getline(file, line);)
            if (const auto at = line.find(":memory:"); at != line.npos) return line.substr(at + 8);
        return "/there is none";
    }
    const std::string folder_;
    bool works_ = false;
};

}  // namespace procession::test
