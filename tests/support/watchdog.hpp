// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <ctime>
#include <string>

namespace procession::test {

/// Ends a program whose case takes too long, after it has said which case that is and where each of
/// its threads stands. The limit is 60 s, times PROCESSION_TEST_TIME_FACTOR.
///
/// It is a timer with a signal and no thread: what a fork does must not depend on who watches. Forked
/// children and exec'ed programs have no such timer.
class Watchdog : public testing::EmptyTestEventListener {
  public:
    Watchdog();

  private:
    void OnTestStart(const testing::TestInfo&) override;
    void OnTestEnd(const testing::TestInfo&) override;
    void OnTestProgramEnd(const testing::UnitTest&) override;
    void watch(const std::string& what);
    void arm(bool on);

    timer_t timer_;
};

}  // namespace procession::test
