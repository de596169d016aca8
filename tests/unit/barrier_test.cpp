// SPDX-License-Identifier: Apache-2.0
#include <procession/barrier.hpp>

#include <gtest/gtest.h>
#include <procession/mp.hpp>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "heap/heap.hpp"
#include "support/expect.hpp"
#include "support/signal_storm.hpp"
#include "support/waiting.hpp"

namespace {

using namespace std::chrono_literals;
using procession::test::expect_parts;
using procession::test::wait_until;
using procession::test::why_broken;

std::atomic<int> actions = 0;
void count_action() { ++actions; }
void fail() { throw std::runtime_error("the action failed"); }

void wait_for_waiters(const mp::Barrier& barrier, int count) {
    wait_until([&] { return barrier.n_waiting() == count; });
}

TEST(Barrier, of_fewer_than_one_party_is_a_ValueError) {
    EXPECT_THROW(mp::Barrier(0), mp::ValueError);
    EXPECT_THROW(mp::Barrier(-1), mp::ValueError);
    EXPECT_EQ(mp::Barrier(3).parties(), 3);
}

TEST(Barrier, of_one_party_holds_nobody_up) {
    mp::Barrier barrier(1, count_action);
    actions = 0;
    for (int i = 0; i < 3; ++i) EXPECT_EQ(barrier.wait(), 0);
    EXPECT_EQ(actions, 3);
}

TEST(Barrier, the_index_is_the_order_of_coming) {
    mp::Barrier barrier(4);
    std::vector<std::jthread> parties;
    for (int i = 0; i < 3; ++i) {
        parties.emplace_back([barrier, i] { EXPECT_EQ(barrier.wait(), i); });
        wait_for_waiters(barrier, i + 1);
    }
    EXPECT_EQ(barrier.wait(), 3);
    EXPECT_EQ(barrier.n_waiting(), 0);
}

TEST(Barrier, threads_pass_in_lockstep) {
    constexpr int rounds = 500, parties = 5;
    mp::Barrier barrier(parties);
    std::atomic<int> came = 0, wrong = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < parties; ++i)
            threads.emplace_back([&] {
                for (int round = 1; round <= rounds; ++round) {
                    ++came;
                    barrier.wait();
                    // Those ahead are at most on their way to the next one.
                    if (came < round * parties || came > (round + 1) * parties) ++wrong;
                }
            });
    }
    EXPECT_EQ(wrong, 0);
    EXPECT_EQ(came, rounds * parties);
}

TEST(Barrier, more_come_than_it_has_parties) {
    mp::Barrier barrier(2, count_action);
    actions = 0;
    std::atomic<int> to_come = 800;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 8; ++i)
            threads.emplace_back([&] {
                while (to_come-- > 0) barrier.wait();
            });
    }
    EXPECT_EQ(actions, 400);
}

TEST(Barrier, the_action_is_over_before_anybody_goes_on) {
    mp::Barrier barrier(3, count_action);
    actions = 0;
    std::vector<std::jthread> threads;
    for (int i = 0; i < 3; ++i)
        threads.emplace_back([barrier] {
            barrier.wait();
            EXPECT_EQ(actions, 1);
        });
}

TEST(Barrier, an_action_that_throws_breaks_it_and_is_heard_of_by_its_runner) {
    mp::Barrier barrier(2, fail);
    std::jthread other([barrier] { EXPECT_THROW(barrier.wait(), mp::BrokenBarrierError); });
    wait_for_waiters(barrier, 1);
    EXPECT_THROW(barrier.wait(), std::runtime_error);
    EXPECT_TRUE(barrier.broken());
    expect_parts(why_broken(barrier), {"Barrier(2 parties)", "broken", "action threw", "reset()"});
}

void put_in(mp::Queue<int> queue, int number) { queue.put(number); }
TEST(Barrier, the_action_may_carry_handles) {
    mp::Queue<int> queue;
    const mp::Barrier barrier(1, mp::bind(put_in, queue, 7));
    barrier.wait();
    EXPECT_EQ(queue.try_get(), 7);
}

struct Counter {
    int count = 0;
    void operator()() {
        if (++count > 1) throw std::logic_error("the state is not as it was given");
    }
    template <class A>
    void serialize(A& archive) {
        archive(count);
    }
};
TEST(Barrier, each_run_of_the_action_begins_with_the_state_that_was_given) {
    const mp::Barrier barrier(1, Counter{});
    barrier.wait();
    barrier.wait();
    EXPECT_FALSE(barrier.broken());
}

TEST(Barrier, a_wait_that_runs_out_of_time_breaks_it_for_all) {
    mp::Barrier barrier(3);
    std::jthread other([barrier] { EXPECT_THROW(barrier.wait(), mp::BrokenBarrierError); });
    wait_for_waiters(barrier, 1);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_THROW(barrier.wait(50ms), mp::BrokenBarrierError);
    EXPECT_GE(std::chrono::steady_clock::now() - start, 50ms);
    expect_parts(why_broken(barrier), {"ran out of time"});
}

TEST(Barrier, its_own_limit_is_that_of_a_plain_wait) {
    mp::Barrier barrier(2, {}, 50ms);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_THROW(barrier.wait(), mp::BrokenBarrierError);
    EXPECT_GE(std::chrono::steady_clock::now() - start, 50ms);
}

TEST(Barrier, a_stop_request_breaks_it_for_the_others) {
    mp::Barrier barrier(3);
    std::jthread other([barrier] { EXPECT_THROW(barrier.wait(), mp::BrokenBarrierError); });
    std::jthread stopped(
        [barrier](std::stop_token stop) { EXPECT_THROW(barrier.wait(stop), mp::CancelledError); });
    wait_for_waiters(barrier, 2);
    stopped.request_stop();
    wait_until([&] { return barrier.broken(); });
    expect_parts(why_broken(barrier), {"stop"});
}

TEST(Barrier, a_stop_requested_before_is_one) {
    std::stop_source source;
    source.request_stop();
    EXPECT_THROW(mp::Barrier(2).wait(1s, source.get_token()), mp::CancelledError);
}

TEST(Barrier, abort_breaks_it_until_reset) {
    mp::Barrier barrier(2);
    std::jthread other([barrier] { EXPECT_THROW(barrier.wait(), mp::BrokenBarrierError); });
    wait_for_waiters(barrier, 1);
    barrier.abort();
    other.join();
    EXPECT_TRUE(barrier.broken());
    expect_parts(why_broken(barrier), {"abort() was called"});
    barrier.reset();
    EXPECT_FALSE(barrier.broken());
    std::jthread next([barrier] { barrier.wait(); });
    barrier.wait();
}

TEST(Barrier, reset_sends_away_who_waits_and_begins_anew) {
    mp::Barrier barrier(2);
    std::string reason;
    std::jthread other([&] { reason = why_broken(barrier); });
    wait_for_waiters(barrier, 1);
    barrier.reset();
    other.join();
    expect_parts(reason, {"reset() was called", "next wait()"});
    EXPECT_FALSE(barrier.broken());
    EXPECT_EQ(barrier.n_waiting(), 0);
}

mp::Queue<int>& action_step() {
    static auto* const queue = new mp::Queue<int>;
    return *queue;
}
void take_two_steps() {
    static_cast<void>(action_step().get());
    static_cast<void>(action_step().get());
}
TEST(Barrier, is_broken_while_the_action_runs_for_its_runner_too) {
    mp::Barrier barrier(1, take_two_steps);
    std::jthread runner([barrier] { EXPECT_THROW(barrier.wait(), mp::BrokenBarrierError); });
    action_step().put(1);
    wait_until([] { return action_step().empty(); });
    std::jthread too_early([barrier] { EXPECT_THROW(barrier.wait(), mp::BrokenBarrierError); });
    EXPECT_THROW(barrier.wait(1ms), mp::BrokenBarrierError);
    action_step().put(2);
}

TEST(Barrier, signals_do_not_end_a_wait) {
    mp::Barrier barrier(2);
    std::jthread other;
    EXPECT_EQ(procession::test::through_signals([&] { return barrier.wait(); },
                                                [&] { other = std::jthread([=] { barrier.wait(); }); }),
              0);
}

TEST(Barrier, prints_itself_as_Python_does) {
    mp::Barrier barrier(2);
    EXPECT_EQ(fmt::format("{}", barrier), "<Barrier(waiters=0/2)>");
    barrier.abort();
    EXPECT_EQ(barrier.to_string(), "<Barrier(broken)>");
}

TEST(Barrier, travels_in_messages_and_leaves_nothing) {
    const auto before = procession::heap::Heap::program().usage().blocks;
    {
        mp::Queue<mp::Barrier> queue;
        queue.put(mp::Barrier(1, count_action));
        EXPECT_EQ(queue.get().wait(), 0);
    }
    EXPECT_EQ(procession::heap::Heap::program().usage().blocks, before);
}

TEST(Barrier, of_another_kind_of_object_is_a_TypeMismatch) {
    EXPECT_THROW(mp::Barrier(static_cast<mp::detail::Handle>(mp::Lock())), mp::TypeMismatch);
}

TEST(Barrier, has_room_for_many_threads) {
    constexpr int parties = 100;
    mp::Barrier barrier(parties);
    std::set<int> indices;
    std::mutex mutex;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < parties; ++i)
            threads.emplace_back([&] {
                const int index = barrier.wait();
                const std::scoped_lock lock(mutex);
                indices.insert(index);
            });
    }
    EXPECT_EQ(indices.size(), std::size_t{parties});
    EXPECT_EQ(*indices.rbegin(), parties - 1);
}

}  // namespace
