// SPDX-License-Identifier: Apache-2.0

// CPython's cases of JoinableQueue and SimpleQueue.

#include <procession/mp.hpp>

#include <gtest/gtest.h>

#include "support/expect.hpp"
#include "support/proc.hpp"
#include "support/start_methods.hpp"

namespace {

namespace test = procession::test;

class TestJoinableQueue : public test::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, TestJoinableQueue, test::all_start_methods(),
                         test::name_of_parameter);

void work_until_none(mp::JoinableQueue<std::optional<int>> queue, mp::Queue<int> done) {
    while (const auto item = queue.get()) {
        done.put(*item);
        queue.task_done();
    }
    // Unlike in CPython: one that ends before it says so of the last item leaves it to another.
    queue.task_done();
}

// conformance: joinable_queue.task_done_join
TEST_P(TestJoinableQueue, test_task_done) {
    const mp::JoinableQueue<std::optional<int>> queue;
    const mp::Queue<int> done;
    std::vector<mp::Process> workers;
    for (int i = 0; i < 4; ++i) {
        workers.emplace_back(mp::ProcessOptions{.daemon = true}, work_until_none, queue, done);
        workers.back().start();
    }
    for (int i = 0; i < 10; ++i) queue.put(i);
    EXPECT_TRUE(queue.join());
    EXPECT_EQ(done.qsize(), 10u);
    EXPECT_TRUE(queue.empty());

    for (int i = 0; i < 4; ++i) queue.put(std::nullopt);
    for (mp::Process& worker : workers) {
        worker.join();
        EXPECT_EQ(worker.exitcode(), 0);
    }
    EXPECT_TRUE(queue.join());
    EXPECT_EQ(queue.lost(), 0u);
}

// ---------------------------------------------------------------- SimpleQueue

class TestSimpleQueue : public test::EachStartMethod {};
INSTANTIATE_TEST_SUITE_P(EveryMethod, TestSimpleQueue, test::all_start_methods(),
                         test::name_of_parameter);

void put_empty_twice(mp::SimpleQueue<bool> queue) {
    queue.put(queue.empty());
    queue.put(queue.empty());
}

// conformance: simple_queue.empty
TEST_P(TestSimpleQueue, test_empty) {
    const mp::SimpleQueue<bool> queue;
    EXPECT_TRUE(queue.empty());
    test::run(put_empty_twice, queue);
    EXPECT_FALSE(queue.empty());
    EXPECT_TRUE(queue.get());
    EXPECT_FALSE(queue.get());
    EXPECT_TRUE(queue.empty());
}

void expect_closed_when_closed(mp::SimpleQueue<int> queue, mp::Queue<std::string> out) {
    for (int i = 0; i < 2; ++i) {
        if (i == 1) queue = {}, queue.put(1);
        queue.close();
        try {
            out.put(queue.empty() ? "empty" : "not empty");
        } catch (const mp::ValueError& error) {
            out.put(error.what());
        }
    }
}

// conformance: simple_queue.empty_when_closed
TEST_P(TestSimpleQueue, test_empty_exceptions) {
    const mp::SimpleQueue<int> queue;
    const mp::Queue<std::string> out;
    test::run(expect_closed_when_closed, queue, out);
    for (int i = 0; i < 2; ++i) test::expect_parts(out.get(), {"SimpleQueue::empty", "is closed"});
    EXPECT_TRUE(queue.empty()) << "it is closed there, not here";
}

// There is no pipe: it has no descriptor, open or closed.
// conformance: simple_queue.close_closes_pipe
TEST_P(TestSimpleQueue, test_closed) {
    // What the first process brings with it, stays; what an ended one had goes when it is asked for.
    const auto descriptors = [] {
        EXPECT_TRUE(mp::active_children().empty());
        return test::open_descriptors();
    };
    test::run([] {});
    const auto before = descriptors();
    const mp::SimpleQueue<bool> queue;
    test::run(put_empty_twice, queue);
    EXPECT_EQ(descriptors(), before);
    queue.close();
    EXPECT_EQ(descriptors(), before);
}

}  // namespace
