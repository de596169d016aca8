// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>
#include <procession/sync_manager.hpp>

namespace procession::test {

/// Base of suites whose cases have a manager with a server of its own.
class WithManager : public testing::Test {
  protected:
    SyncManager manager_ = Manager();
};

}  // namespace procession::test
