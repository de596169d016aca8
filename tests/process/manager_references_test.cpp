// SPDX-License-Identifier: Apache-2.0

// Who refers to a manager's objects, and what is left of it in connections on which nothing is sent any more.

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <cstddef>
#include <thread>

#include "support/waiting.hpp"

namespace {

namespace test = procession::test;

class ManagerReferences : public testing::Test {
  protected:
    ManagerReferences() { observer_.connect(); }

    void wait_until_there_are(std::size_t count) {
        test::wait_until([&] { return observer_.number_of_objects() == count; });
    }

    mp::SyncManager manager_ = mp::Manager();
    mp::SyncManager observer_{manager_.address()};
};

TEST_F(ManagerReferences, what_a_call_returned_is_not_kept_until_the_next_one) {
    { const auto list = manager_.list<int>(); }
    wait_until_there_are(0);
}

TEST_F(ManagerReferences, what_a_call_was_given_is_not_kept_until_the_next_one) {
    const auto outer = manager_.list<mp::ListProxy<int>>();
    {
        const auto inner = manager_.list<int>();
        outer.append(inner);
    }
    std::thread([&] { outer.clear(); }).join();
    wait_until_there_are(1);
}

TEST_F(ManagerReferences, what_the_server_has_sent_it_does_not_keep) {
    const auto outer = manager_.list<mp::ListProxy<int>>();
    outer.append(manager_.list<int>());
    { const mp::ListProxy<int> inner = outer[0]; }
    std::thread([&] { outer.clear(); }).join();
    wait_until_there_are(1);
}

TEST_F(ManagerReferences, a_forked_child_is_not_concerned_with_managers_that_were_shut_down) {
    {
        mp::SyncManager earlier = mp::Manager();
        const auto list = earlier.list<int>();
    }
    const auto list = manager_.list<int>();
    mp::Process child({.start_method = mp::StartMethod::fork}, [list] { list.append(1); });
    child.start();
    child.join();
    EXPECT_EQ(child.exitcode(), 0);
    EXPECT_EQ(list.size(), 1U);
}

}  // namespace
