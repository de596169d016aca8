// SPDX-License-Identifier: Apache-2.0
#include "process/finalize.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <thread>

#include "support/child.hpp"

namespace {

using procession::detail::Finalizer;
using procession::detail::run_finalizers;

// conformance: misc.finalize_order
TEST(Finalizer, runs_with_its_object_when_called_or_at_exit_by_falling_priority_and_newest_first) {
    std::string done;
    const auto note = [&done](const char* name) {
        return [&done, name] { done += std::string(name) + " "; };
    };
    std::optional<Finalizer> a(note("a"));
    a.reset();
    Finalizer b(note("b"));
    b();
    b();
    Finalizer never(note("c"));
    Finalizer d01(note("d01"), 1), d02(note("d02"), 1), d03(note("d03"), 1), d10(note("d10"), 10),
        e(note("e"), -10);
    EXPECT_EQ(done, "a b ");
    run_finalizers(0);
    EXPECT_EQ(done, "a b d10 d03 d02 d01 ");
    run_finalizers();
    EXPECT_EQ(done, "a b d10 d03 d02 d01 e ");
}

TEST(Finalizer, that_throws_does_not_stop_the_others) {
    bool ran = false;
    Finalizer good([&] { ran = true; }, 1), bad([] { throw std::runtime_error("bad"); }, 2);
    run_finalizers();
    EXPECT_TRUE(ran);
}

TEST(Finalizer, may_make_and_end_others) {
    std::string done;
    Finalizer outer(
        [&] {
            Finalizer inner([&] { done += "inner "; }, 5);
            done += "outer ";
        },
        1);
    run_finalizers();
    EXPECT_EQ(done, "outer inner ");
}

// conformance: misc.finalize_thread_safety
TEST(Finalizers, are_run_by_one_thread_while_another_makes_and_ends_some) {
    std::atomic<int> made = 0, ran = 0;
    std::jthread maker([&](std::stop_token stop) {
        while (!stop.stop_requested()) {
            Finalizer one([&] { ++ran; }, made % 3), other([&] { ++ran; });
            made += 2;
        }
    });
    while (made < 20'000) run_finalizers();
    maker.request_stop();
    maker.join();
    run_finalizers();
    EXPECT_EQ(ran, made) << "each runs once, whoever runs it";
}

}  // namespace
