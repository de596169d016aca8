// SPDX-License-Identifier: Apache-2.0

// A barrier between processes, however they are started, and what the end of one of them means.

#include <gtest/gtest.h>
#include <signal.h>
#include <procession/mp.hpp>

#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/expect.hpp"
#include "support/start_methods.hpp"
#include "support/storm.hpp"
#include "support/targets.hpp"
#include "support/waiting.hpp"

namespace procession::test {
namespace {

using namespace std::chrono_literals;
using procession::test::why_broken;

constexpr int parties = 5;

// In a child its exit code, in the test itself a failure.
void require(bool condition, const char* what) {
    if (!condition) throw std::logic_error(what);
}

/// Runs a function in as many processes as a barrier has parties, one of which is this.
template <class... A>
void run_parties(void (*function)(A...), const std::type_identity_t<A>&... arguments) {
    std::vector<mp::Process> others;
    for (int i = 1; i < parties; ++i) others.emplace_back(function, arguments...);
    for (mp::Process& other : others) other.start();
    EXPECT_NO_THROW(function(arguments...));
    for (mp::Process& other : others) {
        other.join();
        EXPECT_EQ(other.exitcode(), 0);
    }
}

class BarrierProcess : public EachStartMethod {
  protected:
    mp::Barrier barrier_{parties};
    mp::Queue<int> results_;
};

INSTANTIATE_TEST_SUITE_P(EveryMethod, BarrierProcess, all_start_methods(), name_of_parameter);

struct Passes {
    mp::Queue<int> before{}, after{};
};
void pass_in_lockstep(mp::Barrier barrier, Passes passes, int rounds) {
    for (int round = 0; round < rounds; ++round) {
        passes.before.put(round);
        require(passes.after.qsize() == std::size_t(round) * parties, "one was let on too early");
        barrier.wait();
        passes.after.put(round);
        require(passes.before.qsize() == std::size_t(round + 1) * parties, "one did not wait");
        barrier.wait();
    }
}
void expect_open(const mp::Barrier& barrier) {
    EXPECT_EQ(barrier.n_waiting(), 0);
    EXPECT_FALSE(barrier.broken());
}

// conformance: barrier.lockstep
TEST_P(BarrierProcess, nobody_passes_before_all_have_come) {
    run_parties(pass_in_lockstep, barrier_, {}, 1);
    expect_open(barrier_);
}

// conformance: barrier.lockstep_10
TEST_P(BarrierProcess, nobody_passes_before_all_have_come_ten_times) {
    run_parties(pass_in_lockstep, barrier_, {}, 10);
    expect_open(barrier_);
}

void report_index(mp::Barrier barrier, mp::Queue<int> results) { results.put(barrier.wait()); }

// conformance: barrier.wait_return
TEST_P(BarrierProcess, each_index_comes_once) {
    run_parties(report_index, barrier_, results_);
    std::vector<int> indices = results_.get_many(parties);
    std::ranges::sort(indices);
    EXPECT_EQ(indices, (std::vector{0, 1, 2, 3, 4}));
}

void put_one(mp::Queue<int> queue) { queue.put(1); }
void see_action_done(mp::Barrier barrier, mp::Queue<int> results) {
    barrier.wait();
    require(results.qsize() == 1, "the action did not run just once, before");
}

// conformance: barrier.action
TEST_P(BarrierProcess, the_action_runs_once_before_any_goes_on) {
    run_parties(see_action_done, mp::Barrier(parties, mp::bind(put_one, results_)), results_);
}

/// What became of the parties' waits.
struct Outcomes {
    mp::Queue<int> passed{}, broken{};
};
void wait_and_note(const mp::Barrier& barrier, const Outcomes& outcomes, mp::Timeout timeout = forever) {
    try {
        barrier.wait(timeout);
        outcomes.passed.put(1);
    } catch (const mp::BrokenBarrierError&) {
        outcomes.broken.put(1);
    }
}
void wait_twice_unless_third(mp::Barrier barrier, Outcomes outcomes) {
    if (barrier.wait() == 2)
        barrier.abort();
    else
        wait_and_note(barrier, outcomes);
}

// conformance: barrier.abort
TEST_P(BarrierProcess, abort_sends_all_away) {
    const Outcomes outcomes;
    run_parties(wait_twice_unless_third, barrier_, outcomes);
    EXPECT_EQ(outcomes.passed.qsize(), 0u);
    EXPECT_EQ(outcomes.broken.qsize(), 4u);
    EXPECT_TRUE(barrier_.broken());
}

void reset_when_others_wait(mp::Barrier barrier, Outcomes outcomes, Outcomes second) {
    if (barrier.wait() == 2) {
        wait_until([&] { return barrier.n_waiting() == parties - 1; });
        barrier.reset();
    } else {
        wait_and_note(barrier, outcomes);
    }
    wait_and_note(barrier, second);
}

// conformance: barrier.reset
TEST_P(BarrierProcess, reset_sends_those_away_who_wait_and_begins_anew) {
    const Outcomes outcomes, second;
    run_parties(reset_when_others_wait, barrier_, outcomes, second);
    EXPECT_EQ(outcomes.passed.qsize(), 0u);
    EXPECT_EQ(outcomes.broken.qsize(), 4u);
    EXPECT_EQ(second.passed.qsize(), 5u);
}

void abort_then_reset(mp::Barrier barrier, mp::Barrier other, Outcomes outcomes, Outcomes second) {
    wait_twice_unless_third(barrier, outcomes);
    if (other.wait() == 0) barrier.reset();
    other.wait();
    wait_and_note(barrier, second);
}

// conformance: barrier.abort_then_reset
TEST_P(BarrierProcess, one_that_was_aborted_works_again_after_reset) {
    const Outcomes outcomes, second;
    run_parties(abort_then_reset, barrier_, mp::Barrier(parties), outcomes, second);
    EXPECT_EQ(outcomes.passed.qsize(), 0u);
    EXPECT_EQ(outcomes.broken.qsize(), 4u);
    EXPECT_EQ(second.passed.qsize(), 5u);
}

void come_late_if_last(mp::Barrier barrier, Outcomes outcomes) {
    if (barrier.wait(30s) == parties - 1) wait_until([&] { return barrier.broken(); });
    wait_and_note(barrier, outcomes, 100ms);
}

// conformance: barrier.wait_timeout
TEST_P(BarrierProcess, one_that_comes_late_finds_it_broken) {
    const Outcomes outcomes;
    run_parties(come_late_if_last, barrier_, outcomes);
    EXPECT_EQ(outcomes.passed.qsize(), 0u);
    EXPECT_EQ(outcomes.broken.qsize(), 5u);
}

void come_late_by_default(mp::Barrier barrier, Outcomes outcomes) {
    if (barrier.wait(30s) == parties - 1) wait_until([&] { return barrier.broken(); });
    wait_and_note(barrier, outcomes);
}

// conformance: barrier.default_timeout
TEST_P(BarrierProcess, its_own_limit_is_that_of_a_plain_wait) {
    const Outcomes outcomes;
    run_parties(come_late_by_default, mp::Barrier(parties, {}, 100ms), outcomes);
    EXPECT_EQ(outcomes.passed.qsize(), 0u);
    EXPECT_EQ(outcomes.broken.qsize(), 5u);
}

void send_rounds(mp::Barrier barrier, mp::Queue<int> results) {
    for (int round = 0; round < 1000; ++round) {
        barrier.wait();
        results.put(round);
    }
}

// conformance: barrier.thousand
TEST_P(BarrierProcess, is_passed_a_thousand_times) {
    std::vector<mp::Process> processes;
    for (int i = 0; i < parties; ++i) processes.emplace_back(send_rounds, barrier_, results_);
    for (mp::Process& process : processes) process.start();
    for (int i = 0; i < 1000 * parties; ++i) ASSERT_EQ(results_.get(), i / parties);
    for (mp::Process& process : processes) process.join();
}

// ---------------------------------------------------------------- who is a party, and how it ends

void wait_only(mp::Barrier barrier) { barrier.wait(); }
void stay(mp::Barrier) { wait_for_ever(); }
void hold_nested(std::vector<std::pair<int, std::optional<mp::Function<void()>>>>) { wait_for_ever(); }
void end_with(mp::Barrier, int status) { mp::exit(status); }
void wait_then_end_with(mp::Barrier barrier, int status) {
    barrier.wait();
    mp::exit(status);
}
void end_while_a_thread_waits(mp::Barrier barrier) {
    std::thread([barrier] { barrier.wait(); }).detach();
    wait_until([&] { return barrier.n_waiting() == 1; });
}

class PartyEnds : public BarrierProcess {
  protected:
    void expect_broken_by(const mp::Process& process, const char* how) {
        expect_parts(why_broken(barrier_), {"broken", process.name().c_str(),
                                            std::to_string(*process.pid()).c_str(), how, "reset()"});
    }
    void expect_usable() {
        barrier_.reset();
        run_parties(wait_only, barrier_);
        EXPECT_FALSE(barrier_.broken());
    }
};
INSTANTIATE_TEST_SUITE_P(EveryMethod, PartyEnds, all_start_methods(), name_of_parameter);

TEST_P(PartyEnds, killed_while_it_waits) {
    mp::Process process(wait_only, barrier_);
    process.start();
    wait_until([&] { return barrier_.n_waiting() == 1; });
    std::string reason;
    std::jthread waiter([&] { reason = why_broken(barrier_); });
    wait_until([&] { return barrier_.n_waiting() == 2; });
    // Nobody joins it: those who wait find out.
    process.kill();
    waiter.join();
    expect_parts(reason, {process.name().c_str(), std::to_string(*process.pid()).c_str(), "killed"});
    process.join();
    expect_broken_by(process, "killed");
    expect_usable();
}

TEST_P(PartyEnds, killed_as_soon_as_it_is_started) {
    mp::Process process(stay, barrier_);
    process.start();
    process.kill();
    expect_broken_by(process, "killed");
    process.join();
    expect_usable();
}

TEST_P(PartyEnds, with_an_error_before_it_waits) {
    mp::Process process(end_with, barrier_, 3);
    process.start();
    expect_broken_by(process, "exit code 3");
    process.join();
    expect_usable();
}

TEST_P(PartyEnds, in_order_and_the_others_go_on_without_it) {
    mp::Process process(end_with, barrier_, 0);
    process.start();
    process.join();
    EXPECT_FALSE(barrier_.broken());
    run_parties(wait_only, barrier_);
}

TEST_P(PartyEnds, in_order_while_one_of_its_threads_waits) {
    mp::Process process(end_while_a_thread_waits, barrier_);
    process.start();
    process.join();
    expect_broken_by(process, "exit code 0");
    expect_usable();
}

TEST_P(PartyEnds, with_an_error_after_it_has_waited) {
    const mp::Barrier barrier(2);
    mp::Queue<mp::Barrier> queue;
    // Not given to it at its start.
    mp::Process process([](mp::Queue<mp::Barrier> queue) { wait_then_end_with(queue.get(), 1); }, queue);
    process.start();
    queue.put(barrier);
    barrier.wait();
    process.join();
    EXPECT_EQ(process.exitcode(), 1);
    // It says how it ended shortly before it has.
    wait_until([&] { return barrier.broken(); });
}

TEST_P(PartyEnds, that_was_none_and_nothing_is_broken) {
    mp::Process process(wait_for_ever);
    process.start();
    process.kill();
    process.join();
    EXPECT_FALSE(barrier_.broken());
    run_parties(wait_only, barrier_);
}

TEST_P(PartyEnds, that_was_given_it_inside_other_arguments) {
    if (GetParam() == StartMethod::fork) GTEST_SKIP() << "there only the arguments themselves count";
    std::vector<std::pair<int, std::optional<mp::Function<void()>>>> nested;
    nested.emplace_back(1, mp::bind(wait_only, barrier_));
    mp::Process process(hold_nested, nested);
    process.start();
    process.kill();
    expect_broken_by(process, "killed");
    process.join();
}

void pass_for_ever(const mp::Barrier& barrier) {
    for (;;) barrier.wait();
}
void pass_until_broken(mp::Barrier barrier) {
    try {
        pass_for_ever(barrier);
    } catch (const mp::BrokenBarrierError&) {
    }
}
TEST_P(PartyEnds, at_any_time_and_is_missed) {
    const auto end = storm_end();
    std::mt19937 random(1987);
    while (std::chrono::steady_clock::now() < end) {
        std::vector<mp::Process> others;
        for (int i = 1; i < parties; ++i) others.emplace_back(pass_until_broken, barrier_);
        for (mp::Process& other : others) other.start();
        for (std::uint32_t i = random() % 20; i > 0; --i) barrier_.wait();
        const std::size_t victim = random() % others.size();
        others[victim].kill();
        // Nobody joins it before, and nobody resets the barrier.
        EXPECT_THROW(pass_for_ever(barrier_), mp::BrokenBarrierError);
        for (std::size_t i = 0; i < others.size(); ++i) {
            others[i].join();
            EXPECT_EQ(others[i].exitcode(), i == victim ? -SIGKILL : 0);
        }
        barrier_.reset();
    }
}

mp::Barrier global(2);
mp::Barrier global_with_action(2, nothing, 60s);
void wait_at_globals() {
    global.wait();
    global_with_action.wait();
}
TEST_P(BarrierProcess, with_static_storage_is_one_for_the_program) {
    mp::Process process(wait_at_globals);
    process.start();
    wait_at_globals();
    process.join();
    EXPECT_EQ(process.exitcode(), 0);
}

void wait_in_grandchild(mp::Queue<mp::Barrier> queue) {
    mp::Process grandchild(wait_only, queue.get());
    grandchild.start();
    grandchild.join();
}
TEST_P(BarrierProcess, is_the_same_in_messages_and_in_grandchildren) {
    const mp::Barrier barrier(2);
    mp::Queue<mp::Barrier> queue;
    mp::Process child(wait_in_grandchild, queue);
    child.start();
    queue.put(barrier);
    barrier.wait();
    child.join();
    EXPECT_EQ(child.exitcode(), 0);
}

}  // namespace
}  // namespace procession::test
