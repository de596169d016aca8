// SPDX-License-Identifier: Apache-2.0
#include "process/placement.hpp"

#include <fmt/format.h>
#include <procession/error.hpp>

#include <algorithm>
#include <map>
#include <tuple>

namespace procession::inline v0::detail {
namespace {

using Processors = Placement::Processors;
using os::Processor;
using os::Topology;

bool has(const std::vector<int>& numbers, int number) {
    return std::find(numbers.begin(), numbers.end(), number) != numbers.end();
}

std::vector<int> numbers_of(const Topology& machine) {
    std::vector<int> numbers;
    for (const Processor& each : machine.processors) numbers.push_back(each.number);
    return numbers;
}

std::vector<Processors> compact(const Topology& machine) {
    auto order = machine.processors;
    std::sort(order.begin(), order.end(), [](const Processor& a, const Processor& b) {
        return std::tie(a.package, a.node, a.core, a.number) <
               std::tie(b.package, b.node, b.core, b.number);
    });
    std::vector<Processors> places;
    for (const Processor& each : order) places.push_back({each.number});
    return places;
}

// Each taken from another package than the one before, in that from the next node, there from the next
// core: by how many of its core, of its node and of its package come before it.
std::vector<Processors> spread(const Topology& machine) {
    std::map<int, std::map<int, std::map<int, std::vector<int>>>> packages;
    for (const Processor& each : machine.processors)
        packages[each.package][each.node][each.core].push_back(each.number);
    std::map<std::tuple<int, int, int, int>, int> order;
    for (const auto& [package, nodes] : packages) {
        int node_rank = 0;
        for (const auto& [node, cores] : nodes) {
            int core_rank = 0;
            for (const auto& [core, threads] : cores) {
                int thread_rank = 0;
                for (const int number : threads)
                    order[{thread_rank++, core_rank, node_rank, package}] = number;
                ++core_rank;
            }
            ++node_rank;
        }
    }
    std::vector<Processors> places;
    for (const auto& [rank, number] : order) places.push_back({number});
    return places;
}

std::vector<Processors> explicitly(const Placement& placement, const Topology& machine,
                                   std::string_view what) {
    if (placement.processors().empty())
        throw ValueError(fmt::format(
            "{}: Placement::explicitly names no processor. Name at least one, or use Placement().",
            what));
    const std::vector<int> usable = numbers_of(machine);
    for (const Processors& place : placement.processors()) {
        if (place.empty())
            throw ValueError(
                fmt::format("{}: Placement::explicitly has a worker without a processor. Name at least "
                            "one for each.",
                            what));
        for (const int number : place) {
            if (has(usable, number)) continue;
            if (has(machine.online, number))
                throw ValueError(fmt::format(
                    "{}: Placement::explicitly names processor {}, which this process may not "
                    "use: it may use {}. Name one of these, or widen its affinity mask or "
                    "cpuset.",
                    what, number, os::to_number_list(usable)));
            throw ValueError(
                fmt::format("{}: Placement::explicitly names processor {}, which this machine does not "
                            "have online: it has {}. Name one of these.",
                            what, number, os::to_number_list(machine.online)));
        }
    }
    return placement.processors();
}

std::vector<Processors> numa_node(const Placement& placement, const Topology& machine,
                                  std::string_view what) {
    Processors inside;
    for (const Processor& each : machine.processors)
        if (each.node == placement.node()) inside.push_back(each.number);
    if (!inside.empty()) return {inside};
    if (has(machine.nodes, placement.node()))
        throw ValueError(fmt::format(
            "{}: Placement::numa_node({}): this process may use none of its processors: it may "
            "use {}. Choose another node, or widen its affinity mask or cpuset.",
            what, placement.node(), os::to_number_list(numbers_of(machine))));
    throw ValueError(
        fmt::format("{}: Placement::numa_node({}): this machine's nodes are {}. Choose one of "
                    "these.",
                    what, placement.node(), os::to_number_list(machine.nodes)));
}

}  // namespace

Places::Places(const Placement& placement, const Topology& machine, std::string_view what) {
    switch (placement.kind()) {
        case Placement::Kind::none: break;
        case Placement::Kind::spread: places_ = spread(machine); break;
        case Placement::Kind::compact: places_ = compact(machine); break;
        case Placement::Kind::explicitly: places_ = explicitly(placement, machine, what); break;
        case Placement::Kind::numa_node: places_ = numa_node(placement, machine, what); break;
    }
}

}  // namespace procession::inline v0::detail
