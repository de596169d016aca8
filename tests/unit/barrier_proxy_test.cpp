// SPDX-License-Identifier: Apache-2.0
#include <procession/barrier_proxy.hpp>

#include <gtest/gtest.h>
#include <procession/error.hpp>

#include <chrono>
#include <thread>

#include "support/manager.hpp"

namespace {

using namespace std::chrono_literals;
using procession::BarrierProxy;
using procession::BrokenBarrierError;
namespace test = procession::test;

using BarrierProxyTest = test::WithManager;

TEST_F(BarrierProxyTest, lets_all_go_on_once_all_have_come) {
    const BarrierProxy barrier = manager_.Barrier(2);
    EXPECT_EQ(barrier.parties(), 2);
    EXPECT_EQ(barrier.n_waiting(), 0);
    int other = -1;
    std::thread party([&] { other = barrier.wait(); });
    const int mine = barrier.wait(1h);
    party.join();
    EXPECT_EQ(mine + other, 1);
}

TEST_F(BarrierProxyTest, who_gives_up_breaks_it) {
    const BarrierProxy barrier = manager_.Barrier(2);
    EXPECT_THROW(barrier.wait(1ms), BrokenBarrierError);
    EXPECT_TRUE(barrier.broken());
    EXPECT_THROW(barrier.wait(), BrokenBarrierError);
    barrier.reset();
    EXPECT_FALSE(barrier.broken());
    barrier.abort();
    EXPECT_TRUE(barrier.broken());
}

}  // namespace
