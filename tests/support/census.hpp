// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <set>
#include <string>

namespace procession::test {

/// Fails every case that leaves a child, an open descriptor, an entry of /dev/shm or a temporary file
/// behind, and says which.
///
/// Temporary files are looked for in a folder of the test program's own, which TMPDIR names meanwhile:
/// in the common one, those of a program that runs beside it would be taken for its own.
class Census : public testing::EmptyTestEventListener {
  private:
    void OnTestProgramStart(const testing::UnitTest&) override;
    void OnTestStart(const testing::TestInfo&) override;
    void OnTestEnd(const testing::TestInfo&) override;
    void OnTestProgramEnd(const testing::UnitTest&) override;

    std::filesystem::path own_folder_;
    std::set<int> children_;
    std::map<int, std::string> descriptors_;
    std::set<std::string> files_;
};

}  // namespace procession::test
