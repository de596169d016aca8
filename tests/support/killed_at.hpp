// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <signal.h>

#include "os/kill_point.hpp"
#include "support/heap_work.hpp"

#ifdef PROCESSION_KILL_POINTS

namespace procession::test {

/// How many blocks are in use, when the dead are buried.
inline std::uint64_t blocks_in_use() {
    bury_everybody(heap::Heap::program());
    return heap::Heap::program().usage().blocks;
}

/// Cases whose child is killed, and must be at least once.
class KilledAt : public testing::TestWithParam<const char*> {
  protected:
    void SetUp() override {
        heap::Heap::program().self();
        blocks_before_ = blocks_in_use();
    }
    void TearDown() override {
        EXPECT_GT(kills_, 0) << "the point was never reached";
        EXPECT_EQ(blocks_in_use(), blocks_before_);
    }

    /// From now on this child dies when it comes to the point for the nth time.
    static void select(int nth) { os::select_kill_point(GetParam(), nth); }
    void note(int status) {
        EXPECT_TRUE(status == 0 || status == -SIGKILL) << status;
        kills_ += status != 0;
    }
    std::uint64_t blocks_before() const { return blocks_before_; }

  private:
    std::uint64_t blocks_before_ = 0;
    int kills_ = 0;
};

}  // namespace procession::test

#endif
