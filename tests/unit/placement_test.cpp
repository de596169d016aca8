// SPDX-License-Identifier: Apache-2.0
#include "process/placement.hpp"

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <numeric>
#include <set>

#include "support/expect.hpp"
#include "support/fake_machine.hpp"

namespace {

using namespace procession::test;
using procession::detail::Places;
using procession::os::Topology;
using Numbers = std::vector<int>;

Numbers all_of(int count) {
    Numbers numbers(static_cast<std::size_t>(count));
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
}

/// A machine of two packages; see FakeMachine.
class Placement : public testing::Test {
  protected:
    /// Where the first workers go, of which each has one processor.
    Numbers first(std::size_t count, const mp::Placement& placement) const {
        const Places places(placement, topology_, "Pool");
        Numbers numbers;
        for (std::size_t worker = 0; worker < count; ++worker) {
            EXPECT_EQ(places.of(worker).size(), 1u);
            numbers.push_back(places.of(worker).at(0));
        }
        return numbers;
    }
    void allow(const Numbers& usable) { topology_ = Topology::read(machine_.path(), usable); }
    std::string refusal(const mp::Placement& placement) const {
        try {
            const Places places(placement, topology_, "Pool");
        } catch (const mp::ValueError& error) {
            return error.what();
        }
        return "accepted";
    }

    const FakeMachine machine_;
    Topology topology_ = Topology::read(machine_.path(), all_of(64));
};

TEST_F(Placement, that_is_none_leaves_workers_where_the_system_puts_them) {
    const Places places(mp::Placement(), topology_, "Pool");
    EXPECT_TRUE(places.of(0).empty());
    EXPECT_TRUE(places.of(100).empty());
}

TEST_F(Placement, spread_takes_packages_in_turn_and_second_threads_last) {
    EXPECT_EQ(first(5, mp::Placement::spread()), (Numbers{0, 1, 2, 3, 4}));
    const Numbers all = first(64, mp::Placement::spread());
    for (int core = 0; core < 32; ++core) {
        EXPECT_LT(all[static_cast<std::size_t>(core)], 32);
        EXPECT_GE(all[static_cast<std::size_t>(core) + 32], 32);
    }
}

TEST_F(Placement, spread_finds_the_packages_whatever_the_numbers_are) {
    allow({0, 2, 4, 6, 1, 3, 32});
    EXPECT_EQ(first(7, mp::Placement::spread()), (Numbers{0, 1, 2, 3, 4, 6, 32}));
}

TEST_F(Placement, spread_takes_a_second_thread_first_where_the_first_is_not_ours) {
    allow({0, 2, 33, 35});
    EXPECT_EQ(first(4, mp::Placement::spread()), (Numbers{0, 33, 2, 35}));
}

TEST_F(Placement, compact_takes_the_threads_of_a_core_then_its_neighbour) {
    EXPECT_EQ(first(6, mp::Placement::compact()), (Numbers{0, 32, 2, 34, 4, 36}));
    const Numbers all = first(64, mp::Placement::compact());
    for (std::size_t i = 0; i < 64; ++i) EXPECT_EQ(all[i] % 2, i < 32 ? 0 : 1);
}

TEST_F(Placement, begins_again_when_there_are_more_workers) {
    allow({4, 5, 6});
    EXPECT_EQ(first(7, mp::Placement::compact()), (Numbers{4, 6, 5, 4, 6, 5, 4}));
    EXPECT_EQ(first(4, mp::Placement::spread()), (Numbers{4, 5, 6, 4}));
    EXPECT_EQ(first(5, mp::Placement::explicitly({6, 4})), (Numbers{6, 4, 6, 4, 6}));
}

TEST_F(Placement, explicitly_takes_numbers_and_sets_in_any_range) {
    EXPECT_EQ(first(2, mp::Placement::explicitly(std::vector{9, 8})), (Numbers{9, 8}));
    EXPECT_EQ(first(3, mp::Placement::explicitly(std::set{5, 3, 4})), (Numbers{3, 4, 5}));
    for (const auto& sets : {mp::Placement::explicitly({{0, 1}, {2, 3, 4}}),
                             mp::Placement::explicitly(std::vector<Numbers>{{0, 1}, {2, 3, 4}})}) {
        const Places places(sets, topology_, "Pool");
        EXPECT_EQ(places.of(0), (Numbers{0, 1}));
        EXPECT_EQ(places.of(1), (Numbers{2, 3, 4}));
        EXPECT_EQ(places.of(2), (Numbers{0, 1}));
    }
}

TEST_F(Placement, numa_node_gives_each_worker_all_of_the_node) {
    allow({0, 1, 2, 3, 33});
    const Places places(mp::Placement::numa_node(1), topology_, "Pool");
    EXPECT_EQ(places.of(0), (Numbers{1, 3, 33}));
    EXPECT_EQ(places.of(7), (Numbers{1, 3, 33}));
}

TEST_F(Placement, refuses_what_the_machine_does_not_have) {
    expect_parts(refusal(mp::Placement::explicitly({0, 64})),
                 {"Pool: ", "processor 64", "not have online", "0-63"});
    expect_parts(refusal(mp::Placement::explicitly({-1})), {"processor -1"});
    expect_parts(refusal(mp::Placement::numa_node(2)), {"Pool: ", "numa_node(2)", "nodes are 0-1"});
}

TEST_F(Placement, refuses_what_this_process_may_not_use) {
    allow({0, 2, 4});
    expect_parts(refusal(mp::Placement::explicitly({0, 3})),
                 {"Pool: ", "processor 3", "may not use", "0,2,4", "affinity mask"});
    expect_parts(refusal(mp::Placement::numa_node(1)), {"numa_node(1)", "may use none", "0,2,4"});
}

TEST_F(Placement, refuses_a_worker_without_a_processor) {
    expect_parts(refusal(mp::Placement::explicitly(Numbers())), {"names no processor", "Placement()"});
    expect_parts(refusal(mp::Placement::explicitly(std::vector<Numbers>{{1}, {}})),
                 {"a worker without a processor"});
}

void exit_by(mp::Placement placement) {
    mp::exit(placement == mp::Placement::explicitly({{0, 1}, {2}}) ? 3 : 4);
}
TEST_F(Placement, is_a_value_that_can_be_sent) {
    EXPECT_EQ(mp::Placement::numa_node(1), mp::Placement::numa_node(1));
    EXPECT_NE(mp::Placement::numa_node(1), mp::Placement::numa_node(0));
    EXPECT_NE(mp::Placement::spread(), mp::Placement());
    mp::Process process(exit_by, mp::Placement::explicitly({{0, 1}, {2}}));
    process.start();
    process.join();
    EXPECT_EQ(process.exitcode(), 3);
}

}  // namespace
