// SPDX-License-Identifier: Apache-2.0
#include "os/cgroup.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

#include "os/descriptor.hpp"
#include "os/process_life.hpp"

namespace procession::inline v0::os {
namespace {

std::string trouble_with(const std::string& path, const char* call) {
    const int error = errno;
    return fmt::format("{}: {}: {} ({})", path, call, ::strerrorname_np(error), ::strerror(error));
}

// Why it could not be written; empty: it was. One write, as the kernel wants it.
std::string write_file(const std::string& path, const std::string& text) {
    const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
    if (!file) return trouble_with(path, "open");
    if (::write(file.get(), text.data(), text.size()) < 0) return trouble_with(path, "write");
    return {};
}

bool has_word(const std::string& path, const std::string& word) {
    std::ifstream file(path);
    for (std::string each; file >> each;)
        if (each == word) return true;
    return false;
}

std::optional<std::uint64_t> number_named(const std::string& path, const std::string& name) {
    std::ifstream file(path);
    std::string each;
    for (std::uint64_t number; file >> each >> number;)
        if (each == name) return number;
    return std::nullopt;
}

struct Mount {
    std::string root, point;
};

// mountinfo writes a blank as \040 (proc(5)).
std::string unescaped(const std::string& text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i)
        if (text[i] == '\\' && i + 3 < text.size()) {
            plain += static_cast<char>(std::strtol(text.substr(i + 1, 3).c_str(), nullptr, 8));
            i += 3;
        } else {
            plain += text[i];
        }
    return plain;
}

std::optional<Mount> find_mount(const std::string& mountinfo) {
    std::ifstream file(mountinfo);
    for (std::string line; std::getline(file, line);) {
        if (line.find(" - cgroup2 ") == line.npos) continue;
        std::istringstream fields(line);
        std::string id, parent, device;
        Mount mount;
        fields >> id >> parent >> device >> mount.root >> mount.point;
        return Mount{unescaped(mount.root), unescaped(mount.point)};
    }
    return std::nullopt;
}

// The line of version 2 begins with 0:: (cgroups(7)).
std::optional<std::string> path_in(const std::string& cgroup_file) {
    std::ifstream file(cgroup_file);
    for (std::string line; std::getline(file, line);)
        if (line.compare(0, 3, "0::") == 0) return line.substr(3);
    return std::nullopt;
}

// Why children of that group cannot have a limit of memory; empty: they can.
std::string enable_memory(const std::string& parent) {
    const std::string enabled = parent + "/cgroup.subtree_control";
    if (has_word(enabled, "memory")) return {};
    if (!has_word(parent + "/cgroup.controllers", "memory"))
        return parent + ": the memory controller is not delegated to it";
    return write_file(enabled, "+memory");
}

const std::string& name_of_this_program() {
    static const std::string name = [] {
        const ProcessLife me = own_life();
        return fmt::format("procession-{}-{}-{}", pid_namespace(), me.pid, me.start_time);
    }();
    return name;
}

void remove_those_of_the_dead(const std::string& parent) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(parent, ignored)) {
        unsigned name_space = 0;
        ProcessLife maker{};
        unsigned long long start_time = 0;
        if (std::sscanf(entry.path().filename().c_str(), "procession-%u-%d-%llu-", &name_space,
                        &maker.pid, &start_time) != 3)
            continue;
        maker.start_time = start_time;
        if (name_space == pid_namespace() && is_over(maker)) ::rmdir(entry.path().c_str());
    }
}

MemoryGroup::Made trouble(std::string text) { return {std::nullopt, std::move(text)}; }

}  // namespace

OwnGroup own_group(const std::string& proc_self) {
    const auto path = path_in(proc_self + "/cgroup");
    if (!path) return {.trouble = "this process is in no control group of version 2"};
    const auto mount = find_mount(proc_self + "/mountinfo");
    if (!mount) return {.trouble = "no file system of control groups version 2 is mounted"};
    // What is mounted may be a part of the tree, as in containers.
    const std::string root = mount->root == "/" ? "" : mount->root;
    const std::string below = path->substr(std::min(root.size(), path->size()));
    if (path->find("/..") != path->npos || path->compare(0, root.size(), root) != 0 ||
        (!below.empty() && below.front() != '/'))
        return {.trouble = fmt::format("this process's control group, {}, is not mounted at {}", *path,
                                       mount->point)};
    return {.folder = mount->point + (below == "/" ? "" : below), .top = mount->point};
}

MemoryGroup::Made MemoryGroup::make(std::size_t limit, const OwnGroup& own) try {
    if (own.folder.empty()) return trouble(own.trouble);
    static std::atomic<unsigned> number{0};
    std::string troubles;
    // A group that has processes cannot also have children with limits, the root excepted: but where a
    // subtree was delegated and this process was put into a leaf of it, there is room beside that.
    std::vector<std::string> parents{own.folder};
    if (own.folder != own.top) parents.push_back(std::filesystem::path(own.folder).parent_path());
    for (const auto& parent : parents) {
        std::string why = enable_memory(parent);
        if (why.empty()) {
            remove_those_of_the_dead(parent);
            const std::string folder =
                fmt::format("{}/{}-{}", parent, name_of_this_program(), number.fetch_add(1));
            if (::mkdir(folder.c_str(), 0755) != 0) {
                why = trouble_with(folder, "mkdir");
            } else {
                MemoryGroup group(folder);
                why = write_file(folder + "/memory.max", std::to_string(limit));
                if (why.empty()) why = write_file(folder + "/memory.oom.group", "1");
                if (why.empty()) return {std::move(group), {}};
            }
        }
        troubles += (troubles.empty() ? "" : "; ") + why;
    }
    return trouble(std::move(troubles));
} catch (const std::exception& error) {
    return trouble(error.what());
}

MemoryGroup::MemoryGroup(MemoryGroup&& other) noexcept : folder_(std::exchange(other.folder_, {})) {}
MemoryGroup& MemoryGroup::operator=(MemoryGroup&& other) noexcept {
    std::swap(folder_, other.folder_);
    return *this;
}

std::optional<std::uint64_t> MemoryGroup::oom_kills() const {
    return number_named(folder_ + "/memory.events", "oom_kill");
}

bool MemoryGroup::remove() noexcept {
    if (!folder_.empty() && ::rmdir(folder_.c_str()) != 0 && errno != ENOENT) return false;
    folder_.clear();
    return true;
}

std::string join_group(const std::string& folder) { return write_file(folder + "/cgroup.procs", "0"); }

std::optional<std::uint64_t> oom_kills(const OwnGroup& own, const std::string& vmstat) {
    if (!own.folder.empty())
        if (const auto count = number_named(own.folder + "/memory.events", "oom_kill")) return count;
    return number_named(vmstat, "oom_kill");
}

}  // namespace procession::inline v0::os
