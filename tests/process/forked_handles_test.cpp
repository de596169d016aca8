// SPDX-License-Identifier: Apache-2.0

// What becomes of handles in a process that was forked by other means than the library's.

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <optional>
#include <vector>

#include "support/child.hpp"
#include "support/expect.hpp"
#include "support/thrown.hpp"

namespace {

namespace test = procession::test;

TEST(ForkedHandle, whose_object_is_gone_does_not_stand_for_another_one_in_its_place) {
    std::optional<mp::Event> event(std::in_place);
    const auto place = event->offset();
    const test::Event destroyed;
    const pid_t child = test::fork_to([&] {
        destroyed.wait();
        std::vector<mp::Event> others(100);
        const bool same_place = std::any_of(others.begin(), others.end(),
                                            [&](const auto& other) { return other.offset() == place; });
        for (const mp::Event& other : others) other.set();
        test::expect_parts(test::thrown<mp::StateError>([&] { event->set(); }),
                           {"destroyed before this forked process used it"});
        ::_exit(same_place && !testing::Test::HasFailure() ? 0 : 1);
    });
    event.reset();
    destroyed.set();
    EXPECT_EQ(test::end_of(child), 0);
}

}  // namespace
