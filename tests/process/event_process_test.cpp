// SPDX-License-Identifier: Apache-2.0

// Events between processes, for every start method.

#include <procession/mp.hpp>

#include <gtest/gtest.h>

#include <vector>

#include "support/start_methods.hpp"

namespace {

using namespace std::chrono_literals;
namespace test = procession::test;

mp::Event global;

class EventProcess : public test::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, EventProcess, test::all_start_methods(), test::name_of_parameter);

void set(mp::Event event) { event.set(); }

// conformance: event.basic
TEST_P(EventProcess, test_event) {
    const mp::Event event;
    EXPECT_FALSE(event.is_set());
    EXPECT_FALSE(event.wait(0s));
    EXPECT_FALSE(event.wait(100ms));
    event.set();
    EXPECT_TRUE(event.is_set());
    EXPECT_TRUE(event.wait());
    EXPECT_TRUE(event.wait(100ms));
    event.clear();
    EXPECT_FALSE(event.is_set());
    mp::Process setter(set, event);
    setter.start();
    EXPECT_TRUE(event.wait());
    setter.join();
    EXPECT_EQ(setter.exitcode(), 0);
}

void wait_then_answer(mp::Event go, mp::Semaphore waiting, mp::Queue<bool> answers) {
    waiting.release();
    answers.put(go.wait());
}
TEST_P(EventProcess, set_wakes_the_waiters_of_all_processes) {
    const mp::Event go;
    const mp::Semaphore waiting(0);
    const mp::Queue<bool> answers;
    std::vector<mp::Process> processes;
    for (int i = 0; i < 3; ++i) {
        processes.emplace_back(wait_then_answer, go, waiting, answers);
        processes.back().start();
    }
    for (std::size_t i = 0; i < processes.size(); ++i) waiting.acquire();
    go.set();
    for (std::size_t i = 0; i < processes.size(); ++i) EXPECT_TRUE(answers.get());
    for (mp::Process& process : processes) process.join();
}

void set_through_a_child(mp::Queue<mp::Event> events, int generations) {
    if (generations == 0) {
        events.get().set();
        global.set();
        return;
    }
    mp::Process child(set_through_a_child, events, generations - 1);
    child.start();
    child.join();
}
TEST_P(EventProcess, goes_to_grandchildren_through_a_queue_and_by_static_storage) {
    const mp::Event event;
    const mp::Queue<mp::Event> events;
    events.put(event);
    mp::Process child(set_through_a_child, events, 2);
    child.start();
    EXPECT_TRUE(event.wait());
    EXPECT_TRUE(global.wait());
    child.join();
    EXPECT_EQ(child.exitcode(), 0);
}

}  // namespace
