// SPDX-License-Identifier: Apache-2.0

// Whoever makes a result that others have, sends it, waits for it or fetches it is killed at every planted point:
// the others are told at once, by the result or by a CancelledError, and the heap is as before.

#include <gtest/gtest.h>
#include <signal.h>
#include <procession/mp.hpp>

#include <random>
#include <string>
#include <vector>

#include "support/child.hpp"
#include "support/expect.hpp"
#include "support/full_heap.hpp"
#include "support/killed_at.hpp"
#include "support/proc.hpp"
#include "support/small_heap.hpp"
#include "support/storm.hpp"
#include "support/thrown.hpp"
#include "support/waiting.hpp"

#ifdef PROCESSION_KILL_POINTS

namespace {

using procession::heap::Heap;
using namespace procession::test;

/// A value that lies in a block, with references to objects.
struct Value {
    std::string text;
    std::vector<mp::Event> events;

    static Value make() { return {std::string(5000, 'x'), std::vector<mp::Event>(2)}; }
    void check() const {
        EXPECT_EQ(text, std::string(5000, 'x'));
        for (const mp::Event& event : events) {
            event.set();
            EXPECT_TRUE(event.is_set());
        }
    }
};
using Result = mp::Future<Value>;

/// Waits for it, which must end. @returns whether it has come
bool has_come(const Result& future) {
    try {
        future.result().check();
        return true;
    } catch (const mp::CancelledError& error) {
        expect_parts(error.what(), {"AsyncResult: process", "was killed before there was one"});
        EXPECT_TRUE(future.cancelled());
        return false;
    }
}

class MakerKilledAt : public KilledAt {
  protected:
    // The thread that calls back lets go of its future after that.
    void TearDown() override {
        wait_until([&] { return blocks_in_use() == blocks_before(); });
        KilledAt::TearDown();
    }
};
TEST_P(MakerKilledAt, has_told_all_who_wait) {
    for (const int nth : {1, 2}) {
        const mp::Queue<Result> futures;
        const mp::Event go;
        const pid_t maker = fork_to([&] {
            const mp::Promise<Value> promise;
            for (int i = 0; i < 2; ++i) futures.put(promise.get_future());
            go.wait();
            select(nth);
            promise.set_result(Value::make());
        });
        const pid_t other = fork_to([&] { ::_exit(has_come(futures.get()) ? 1 : 0); });
        const Result future = futures.get();
        bool is_called = false;
        mp::Event called;
        future.add_done_callback([&](const Result& done) {
            is_called = done.done();
            called.set();
        });
        wait_until_asleep(other);
        go.set();
        const bool came = has_come(future);
        EXPECT_EQ(end_of(other), came ? 1 : 0);
        called.wait();
        EXPECT_TRUE(is_called);
        note(end_of(maker));
    }
}
INSTANTIATE_TEST_SUITE_P(EveryPoint, MakerKilledAt,
                         testing::Values("alloc.claimed", "message.held", "result.written",
                                         "result.given", "result.published", "wake.flag_marked",
                                         "wake.woken"));

class SenderKilledAt : public KilledAt {};
TEST_P(SenderKilledAt, leaves_nothing_that_is_never_told) {
    for (const int nth : {1, 2, 3}) {
        const mp::Queue<Result> futures;
        note(in_child([&] {
            select(nth);
            const mp::Promise<Value> promise;
            futures.put(promise.get_future());
            futures.put(promise.get_future());
            ::raise(SIGKILL);
        }));
        while (const auto future = futures.try_get()) EXPECT_FALSE(has_come(*future));
    }
}
INSTANTIATE_TEST_SUITE_P(EveryPoint, SenderKilledAt,
                         testing::Values("object.prepared", "object.listed", "object.made",
                                         "alloc.claimed", "message.held", "put.written",
                                         "put.committed"));

class ReceiverKilledAt : public KilledAt {};
TEST_P(ReceiverKilledAt, takes_nothing_from_the_others) {
    for (const int nth : {1, 2}) {
        const mp::Promise<Value> promise;
        const mp::Queue<Result> futures;
        for (int i = 0; i < 2; ++i) futures.put(promise.get_future());
        const mp::Event received;
        const pid_t child = fork_to([&] {
            select(nth);
            {
                const Result future = futures.get();
                received.set();
                future.result().check();
            }
            ::raise(SIGKILL);
        });
        // It may be killed before it says so.
        while (!received.wait(std::chrono::milliseconds(1)) && process_entry(child)->state != 'Z') {
        }
        promise.set_result(Value::make());
        note(end_of(child));
        bury_everybody(Heap::program());
        while (const auto future = futures.try_get()) EXPECT_TRUE(has_come(*future));
        EXPECT_TRUE(has_come(promise.get_future()));
    }
}
INSTANTIATE_TEST_SUITE_P(EveryPoint, ReceiverKilledAt,
                         testing::Values("take.copied", "take.block_claimed", "take.block_owned",
                                         "message.dropped", "drop.cleared", "free.freed",
                                         "wait.before_sleep", "life.wake_asked_for"));

class LastHolderKilledAt : public KilledAt {};
TEST_P(LastHolderKilledAt, leaves_nothing_behind) {
    for (const int nth : {1, 2}) {
        const mp::Queue<Result> futures;
        {
            const mp::Promise<Value> promise;
            futures.put(promise.get_future());
            promise.set_result(Value::make());
        }
        note(in_child([&] {
            select(nth);
            futures.get().result().check();
        }));
        bury_everybody(Heap::program());
    }
}
INSTANTIATE_TEST_SUITE_P(EveryPoint, LastHolderKilledAt,
                         testing::Values("destroy.begun", "destroy.emptied", "destroy.owned",
                                         "destroy.unlisted", "message.dropped"));

TEST(SharedResultMemory, is_free_when_a_message_is_dropped_unread) {
    Heap::program().self();
    const auto before = blocks_in_use();
    {
        const mp::Queue<Result> unread;
        const mp::Promise<Value> promise, pending;
        promise.set_result(Value::make());
        unread.put(promise.get_future());
        unread.put(pending.get_future());
        EXPECT_GT(blocks_in_use(), before);
    }
    EXPECT_EQ(blocks_in_use(), before);
}

TEST(SharedResultMemory, that_has_no_room_for_it_is_the_error) {
    if (!in_program_with_heap_limit("32M")) return;
    const mp::Queue<Result> futures;
    const mp::Promise<Value> promise;
    futures.put(promise.get_future());
    const mp::Queue<std::string> out;
    mp::Process process(
        [](const mp::Queue<Result>& from, const mp::Queue<std::string>& to) {
            to.put(thrown<mp::HeapExhausted>([&] { from.get().result(); }));
        },
        futures, out);
    {
        const FullHeap full;
        promise.set_result(Value::make());
    }
    process.start();
    expect_parts(out.get(), {"AsyncResult", "no room", "Raise PROCESSION_HEAP_LIMIT"});
    promise.get_future().result().check();
    process.join();
}

TEST(SharedResultStorm, every_wait_ends) {
    const auto end = storm_end();
    constexpr std::size_t receivers = 3, makers = 3;
    const mp::Queue<mp::Future<int>> futures(16);
    const auto at = Heap::program().allocate(receivers * sizeof(std::atomic<std::uint64_t>));
    auto* const told = Heap::program().at<std::atomic<std::uint64_t>>(at);
    std::vector<pid_t> pids(receivers + makers);
    const auto start = [&](std::size_t member) {
        if (member < receivers) told[member] = 0;
        pids[member] = fork_to([&] {
            for (int n = 0;; ++n) {
                if (member < receivers) {
                    try {
                        futures.get().result();
                    } catch (const mp::CancelledError&) {
                    }
                    ++told[member];
                } else {
                    const mp::Promise<int> promise;
                    futures.put(promise.get_future());
                    promise.set_result(n);
                }
            }
        });
    };
    for (std::size_t i = 0; i < pids.size(); ++i) start(i);
    std::mt19937 random(7);
    int kills = 0;
    while (std::chrono::steady_clock::now() < end) {
        for (std::size_t i = 0; i < receivers; ++i) {
            const std::uint64_t before = told[i];
            wait_until([&] { return told[i] != before; });
        }
        const std::size_t victim = random() % pids.size();
        ::kill(pids[victim], SIGKILL);
        EXPECT_EQ(end_of(pids[victim]), -SIGKILL);
        ++kills;
        start(victim);
    }
    for (const pid_t pid : pids) ::kill(pid, SIGKILL);
    for (const pid_t pid : pids) EXPECT_EQ(end_of(pid), -SIGKILL);
    EXPECT_GT(kills, 0);
    bury_everybody(Heap::program());
    Heap::program().free(at);
}

}  // namespace

#endif
