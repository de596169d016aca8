// SPDX-License-Identifier: Apache-2.0
#include "os/topology.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>

namespace procession::inline v0::os {
namespace {

// Longer than any list of a machine that Linux runs on; what says otherwise is no list.
constexpr int highest_number = 1 << 16;

std::string line_of(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    return line;
}

int number_in(const std::string& path, int otherwise) {
    const std::string line = line_of(path);
    int number = otherwise;
    std::from_chars(line.data(), line.data() + line.size(), number);
    return number;
}

bool has(std::span<const int> numbers, int number) {
    return std::find(numbers.begin(), numbers.end(), number) != numbers.end();
}

int core_of(int processor, const std::string& folder) {
    for (const char* name : {"core_cpus_list", "thread_siblings_list"}) {
        const std::vector<int> threads = parse_number_list(line_of(folder + name));
        if (has(threads, processor)) return threads.front();
    }
    return processor;
}

}  // namespace

Topology Topology::read(const std::string& root, std::span<const int> usable) {
    Topology topology;
    topology.online = parse_number_list(line_of(root + "/cpu/online"));
    if (topology.online.empty()) topology.online.assign(usable.begin(), usable.end());
    topology.nodes = parse_number_list(line_of(root + "/node/online"));
    if (topology.nodes.empty()) topology.nodes = {0};

    for (const int number : usable) {
        const std::string folder = fmt::format("{}/cpu/cpu{}/topology/", root, number);
        topology.processors.push_back(
            {number, number_in(folder + "physical_package_id", 0), 0, core_of(number, folder)});
    }
    for (const int node : topology.nodes) {
        const auto inside =
            parse_number_list(line_of(fmt::format("{}/node/node{}/cpulist", root, node)));
        for (Processor& processor : topology.processors)
            if (has(inside, processor.number)) processor.node = node;
    }
    return topology;
}

std::vector<int> parse_number_list(const std::string& text) {
    std::vector<int> numbers;
    const char *at = text.data(), *const end = at + text.size();
    for (;;) {
        int first = 0;
        auto read = std::from_chars(at, end, first);
        if (read.ec != std::errc()) return numbers;
        int last = first;
        if (read.ptr != end && *read.ptr == '-') read = std::from_chars(read.ptr + 1, end, last);
        if (read.ec != std::errc() || first < 0 || last > highest_number) return numbers;
        for (int number = first; number <= last; ++number) numbers.push_back(number);
        if (read.ptr == end || *read.ptr != ',') return numbers;
        at = read.ptr + 1;
    }
}

std::string to_number_list(std::span<const int> numbers) {
    std::string text;
    for (std::size_t i = 0; i < numbers.size();) {
        std::size_t last = i;
        while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
        if (!text.empty()) text += ',';
        text += last == i ? std::to_string(numbers[i]) : fmt::format("{}-{}", numbers[i], numbers[last]);
        i = last + 1;
    }
    return text;
}

}  // namespace procession::inline v0::os
