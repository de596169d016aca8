// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace procession::test {

/// A folder of its own, gone at the end.
class Folder {
  public:
    Folder() : path_(testing::TempDir() + "procession-XXXXXX") {
        if (!::mkdtemp(path_.data())) ADD_FAILURE() << path_ << " cannot be made";
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(Folder&&) = delete;

    const std::string& path() const { return path_; }
    /// Writes a file below it, and the folders on the way.
    void write(const std::string& name, const std::string& content) const {
        const std::filesystem::path file = path_ + "/" + name;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file) << content << '\n';
    }
    std::string read(const std::string& name) const {
        std::ifstream file(path_ + "/" + name);
        return {std::istreambuf_iterator<char>(file), {}};
    }

  private:
    std::string path_;
};

}  // namespace procession::test
