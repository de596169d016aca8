// SPDX-License-Identifier: Apache-2.0
#include "support/census.hpp"

#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>
#include <procession/process.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

#include "support/proc.hpp"
#include "support/waiting.hpp"

namespace procession::test {
namespace {

constexpr const char* folder_variable = "PROCESSION_TEST_FOLDER";

std::vector<ProcessEntry> children() {
    std::vector<ProcessEntry> found;
    for (ProcessEntry& each : processes())
        if (each.parent == ::getpid() && (each.name != "procession-fs" || each.state == 'Z'))
            found.push_back(std::move(each));
    return found;
}

/// A fork server that has ended is reaped by a look for children that comes after its end.
void wait_until_reaped(pid_t fork_server) {
    wait_until([&] {
        static_cast<void>(active_children());
        const auto left = children();
        return std::none_of(left.begin(), left.end(),
                            [&](const ProcessEntry& child) { return child.pid == fork_server; });
    });
}

/// Whether a block's name says that it is of a test program that runs beside this one.
bool is_anothers(const std::string& block) {
    int pid = 0;
    return (std::sscanf(block.c_str(), "procession_%*u_%d_", &pid) == 1 ||
            std::sscanf(block.c_str(), "procession-test-%d-", &pid) == 1) &&
           pid != ::getpid();
}

std::set<std::string> files() {
    std::set<std::string> found;
    for (const auto& each : std::filesystem::directory_iterator("/dev/shm"))
        if (!is_anothers(each.path().filename())) found.insert(each.path());
    for (const auto& each : std::filesystem::directory_iterator(std::getenv("TMPDIR")))
        found.insert(each.path());
    return found;
}

/// What the library keeps open until the program's end once it was used, and how many of it.
struct Kept {
    bool (*is_it)(int fd, std::string_view what);
    int most;
};
constexpr Kept the_heap{
    [](int, std::string_view what) { return what.starts_with("/memfd:procession-heap"); }, 1};
constexpr Kept lifelines{
    [](int fd, std::string_view what) { return fd >= 200 && what.starts_with("pipe:"); }, 4};
constexpr Kept server_watch{
    [](int fd, std::string_view what) { return fd >= 200 && what == "anon_inode:[pidfd]"; }, 8};

}  // namespace

void Census::OnTestProgramStart(const testing::UnitTest&) {
    // A test program that another one runs shares its folder: it may be killed and never tidy up.
    if (std::getenv(folder_variable)) return;
    std::string name = std::filesystem::temp_directory_path() / "procession-test-XXXXXX";
    if (!::mkdtemp(name.data()))
        throw std::system_error(errno, std::generic_category(), "census: mkdtemp " + name);
    own_folder_ = name;
    for (const char* variable : {folder_variable, "TMPDIR", "TEST_TMPDIR"})
        ::setenv(variable, (name + "/").c_str(), 1);
}

void Census::OnTestProgramEnd(const testing::UnitTest&) {
    if (!own_folder_.empty()) std::filesystem::remove_all(own_folder_);
}

void Census::OnTestStart(const testing::TestInfo&) {
    children_.clear();
    for (const ProcessEntry& child : children()) children_.insert(child.pid);
    descriptors_ = open_descriptors();
    files_ = files();
}

void Census::OnTestEnd(const testing::TestInfo&) {
    // A child of the fork server is none of ours. The call also lets go of those that have ended.
    for (const ProcessHandle& child : active_children())
        if (!children_.contains(child.pid()))
            ADD_FAILURE() << fmt::format("left behind: {} (pid {}) runs", child.name(), child.pid());
    for (const ProcessEntry& child : children()) {
        if (children_.contains(child.pid)) continue;
        if (child.name == "procession-fs")
            wait_until_reaped(child.pid);
        else
            ADD_FAILURE() << fmt::format("left behind: child {} ({}, state {})", child.pid, child.name,
                                         child.state);
    }

    std::array kept{the_heap, lifelines, server_watch};
    for (const auto& [fd, what] : open_descriptors()) {
        bool ours = false;
        for (Kept& each : kept) ours = ours || (each.is_it(fd, what) && each.most-- > 0);
        const auto before = descriptors_.find(fd);
        if (!ours && (before == descriptors_.end() || before->second != what))
            ADD_FAILURE() << fmt::format("left behind: descriptor {} ({})", fd, what);
    }

    for (const std::string& file : files())
        if (!files_.contains(file)) ADD_FAILURE() << "left behind: " << file;
}

}  // namespace procession::test
