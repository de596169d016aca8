// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace procession::test {

/// A block's name that no program uses that runs beside this one; the census knows it by its form.
inline std::string block_name(int number = 0) {
    return fmt::format("procession-test-{}-{}", ::getpid(), number);
}

inline std::filesystem::path path_of_block(const std::string& name) { return "/dev/shm/" + name; }
inline bool block_exists(const std::string& name) {
    return std::filesystem::is_symlink(path_of_block(name)) ||
           std::filesystem::exists(path_of_block(name));
}
/// The names in /dev/shm that hold `part`.
inline std::vector<std::string> blocks_with(const std::string& part) {
    std::vector<std::string> found;
    for (const auto& each : std::filesystem::directory_iterator("/dev/shm"))
        if (std::string name = each.path().filename(); name.find(part) != name.npos)
            found.push_back(std::move(name));
    return found;
}
/// What the unnamed blocks of a program have in their names.
inline std::string part_of_unnamed(pid_t root) { return fmt::format("_{}_", root); }

/// A block, or a list, that is unlinked at the end of its scope, unless it was before.
template <class T>
struct Scoped : T {
    using T::T;
    explicit Scoped(T made) : T(std::move(made)) {}
    Scoped(Scoped&&) = delete;
    ~Scoped() { std::filesystem::remove(path_of_block(name_of(*this))); }

  private:
    static std::string name_of(const SharedMemory& block) { return block.name(); }
    static std::string name_of(const ShareableList& list) { return list.shm().name(); }
};
using ScopedBlock = Scoped<SharedMemory>;
using ScopedList = Scoped<ShareableList>;

/// A file of this content in /dev/shm, gone at the end of its scope.
class RawBlock {
  public:
    RawBlock(std::string name, const std::string& content) : name_(std::move(name)) {
        std::ofstream(path_of_block(name_)) << content;
    }
    ~RawBlock() { std::filesystem::remove(path_of_block(name_)); }
    RawBlock(RawBlock&&) = delete;
    const std::string& name() const { return name_; }

  private:
    std::string name_;
};

}  // namespace procession::test
