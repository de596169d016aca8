// SPDX-License-Identifier: Apache-2.0
#include "support/proc.hpp"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

namespace procession::test {
namespace {

// The stat file of a process or a thread. The name may hold anything, so what follows it is read
// after the last ')'.
std::optional<ProcessEntry> read_stat(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    if (!std::getline(file, line)) return std::nullopt;
    const auto open = line.find('('), close = line.rfind(')');
    ProcessEntry entry{std::stoi(line), line.substr(open + 1, close - open - 1), 0, 0};
    std::istringstream(line.substr(close + 1)) >> entry.state >> entry.parent;
    return entry;
}

std::optional<int> number_of(const std::filesystem::path& path) {
    const std::string name = path.filename();
    int number = 0;
    const auto [rest, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error != std::errc() || rest != name.data() + name.size()) return std::nullopt;
    return number;
}

}  // namespace

std::optional<ProcessEntry> process_entry(pid_t pid) {
    return read_stat("/proc/" + std::to_string(pid) + "/stat");
}

std::vector<ProcessEntry> processes() {
    std::vector<ProcessEntry> found;
    for (const auto& each : std::filesystem::directory_iterator("/proc"))
        if (const auto pid = number_of(each.path()))
            if (auto entry = process_entry(*pid)) found.push_back(std::move(*entry));
    return found;
}

void wait_until_asleep(pid_t pid) {
    for (;;) {
        const auto entry = process_entry(pid);
        if (!entry || entry->state == 'S' || entry->state == 'Z') return;
        std::this_thread::yield();
    }
}

long sleeps_of(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/status");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const std::string field = "\nvoluntary_ctxt_switches:";
    return std::stol(text.substr(text.find(field) + field.size()));
}

char thread_state(pid_t thread) {
    const auto entry = read_stat("/proc/self/task/" + std::to_string(thread) + "/stat");
    return entry ? entry->state : '\0';
}

std::map<int, std::string> open_descriptors() {
    std::map<int, std::string> found;
    for (const auto& each : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code gone;
        const std::string what = std::filesystem::read_symlink(each.path(), gone);
        // The one that this loop reads the folder through is open as well.
        if (!gone && !what.ends_with("/fd")) found.emplace(*number_of(each.path()), what);
    }
    return found;
}

}  // namespace procession::test
