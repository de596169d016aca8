// SPDX-License-Identifier: Apache-2.0
#include "os/topology.hpp"

#include <gtest/gtest.h>

#include <numeric>

#include "support/fake_machine.hpp"

namespace procession {
namespace {

using os::parse_number_list;
using os::Topology;
using Numbers = std::vector<int>;

TEST(Topology, says_where_each_processor_is) {
    const test::FakeMachine machine;
    const Topology topology = Topology::read(machine.path(), Numbers{0, 33, 62});
    EXPECT_EQ(topology.online.size(), 64u);
    EXPECT_EQ(topology.nodes, (Numbers{0, 1}));
    EXPECT_EQ(topology.processors,
              (std::vector<os::Processor>{{0, 0, 0, 0}, {33, 1, 1, 1}, {62, 0, 0, 30}}));
}

TEST(Topology, reads_older_names_of_the_same) {
    const test::Folder sysfs;
    sysfs.write("cpu/online", "0-1");
    sysfs.write("cpu/cpu1/topology/thread_siblings_list", "0-1");
    const Topology topology = Topology::read(sysfs.path(), Numbers{1});
    EXPECT_EQ(topology.processors, (std::vector<os::Processor>{{1, 0, 0, 0}}));
}

TEST(Topology, is_by_number_where_nothing_says_more) {
    const Topology topology = Topology::read("/no such folder", Numbers{2, 5});
    EXPECT_EQ(topology.online, (Numbers{2, 5}));
    EXPECT_EQ(topology.nodes, (Numbers{0}));
    EXPECT_EQ(topology.processors, (std::vector<os::Processor>{{2, 0, 0, 2}, {5, 0, 0, 5}}));
}

TEST(Topology, of_this_machine_has_what_this_process_may_use) {
    const Topology topology = Topology::read();
    Numbers numbers;
    for (const auto& each : topology.processors) numbers.push_back(each.number);
    EXPECT_EQ(numbers, os::usable_processors());
    EXPECT_GE(topology.online.size(), numbers.size());
}

TEST(Topology, reads_the_lists_of_the_kernel) {
    EXPECT_EQ(parse_number_list("0-3,8,10-11"), (Numbers{0, 1, 2, 3, 8, 10, 11}));
    EXPECT_EQ(parse_number_list("7"), (Numbers{7}));
    EXPECT_EQ(parse_number_list(""), Numbers());
    EXPECT_EQ(parse_number_list("1,x"), (Numbers{1}));
    EXPECT_EQ(parse_number_list("0-4000000000"), Numbers());
    EXPECT_EQ(parse_number_list("0-1000000000"), Numbers());
    EXPECT_EQ(parse_number_list("-5"), Numbers());
}

TEST(Topology, writes_them) {
    EXPECT_EQ(os::to_number_list(Numbers{0, 1, 2, 3, 8, 10, 11}), "0-3,8,10-11");
    EXPECT_EQ(os::to_number_list(Numbers{}), "");
}

}  // namespace
}  // namespace procession
