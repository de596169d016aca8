// SPDX-License-Identifier: Apache-2.0
#include <procession/event_proxy.hpp>

#include <gtest/gtest.h>
#include <procession/error.hpp>

#include <chrono>
#include <stop_token>
#include <thread>

#include "support/manager.hpp"

namespace {

using namespace std::chrono_literals;
using procession::EventProxy;
namespace test = procession::test;

using EventProxyTest = test::WithManager;

TEST_F(EventProxyTest, is_set_until_it_is_cleared) {
    const EventProxy event = manager_.Event();
    EXPECT_FALSE(event.is_set());
    event.set();
    EXPECT_TRUE(event.is_set());
    EXPECT_TRUE(event.wait());
    event.clear();
    EXPECT_FALSE(event.is_set());
}

TEST_F(EventProxyTest, a_wait_ends_when_it_is_set_or_at_its_limit) {
    const EventProxy event = manager_.Event();
    EXPECT_FALSE(event.wait(1ms));
    std::thread setter([&] { event.set(); });
    EXPECT_TRUE(event.wait(1h));
    setter.join();
}

TEST_F(EventProxyTest, a_stop_ends_a_wait) {
    const EventProxy event = manager_.Event();
    std::stop_source source;
    source.request_stop();
    EXPECT_THROW(event.wait(source.get_token()), procession::CancelledError);
    EXPECT_THROW(event.wait(1h, source.get_token()), procession::CancelledError);
}

}  // namespace
