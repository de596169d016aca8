// SPDX-License-Identifier: Apache-2.0
#include <procession/semaphore.hpp>

#include <gtest/gtest.h>
#include <procession/error.hpp>
#include <procession/event.hpp>

#include <climits>
#include <mutex>
#include <sstream>
#include <thread>
#include <vector>

#include "support/expect.hpp"
#include "support/signal_storm.hpp"

namespace {

using namespace std::chrono_literals;
using procession::BoundedSemaphore;
using procession::Permits;
using procession::Semaphore;
using procession::ValueError;
using procession::detail::SemaphoreKind;
using Clock = std::chrono::steady_clock;
namespace test = procession::test;

template <class Thrown>
std::string thrown_by(const auto& call) {
    try {
        call();
    } catch (const Thrown& error) {
        return error.what();
    }
    ADD_FAILURE() << "nothing was thrown";
    return {};
}

/// Kinds that differ in nothing but what becomes of a dead one's permits, and the bound.
class EachSemaphore : public testing::TestWithParam<SemaphoreKind> {
  protected:
    static Semaphore make(int value) {
        if (GetParam() == SemaphoreKind::bounded) return BoundedSemaphore(value);
        return Semaphore(value, GetParam() == SemaphoreKind::limit ? Permits::come_back : Permits::stay);
    }
};
INSTANTIATE_TEST_SUITE_P(Kinds, EachSemaphore,
                         testing::Values(SemaphoreKind::signal, SemaphoreKind::limit,
                                         SemaphoreKind::bounded));

void take_two_and_give_them_back(const Semaphore& sem) {
    EXPECT_EQ(sem.get_value(), 2);
    EXPECT_TRUE(sem.acquire());
    EXPECT_EQ(sem.get_value(), 1);
    EXPECT_TRUE(sem.acquire());
    EXPECT_EQ(sem.get_value(), 0);
    EXPECT_FALSE(sem.try_acquire());
    EXPECT_EQ(sem.get_value(), 0);
    sem.release();
    EXPECT_EQ(sem.get_value(), 1);
    sem.release();
    EXPECT_EQ(sem.get_value(), 2);
}

class UnboundedSemaphore : public EachSemaphore {};
INSTANTIATE_TEST_SUITE_P(Kinds, UnboundedSemaphore,
                         testing::Values(SemaphoreKind::signal, SemaphoreKind::limit));

// conformance: semaphore.basic
TEST_P(UnboundedSemaphore, test_semaphore) {
    const Semaphore sem = make(2);
    take_two_and_give_them_back(sem);
    sem.release();
    EXPECT_EQ(sem.get_value(), 3);
    sem.release();
    EXPECT_EQ(sem.get_value(), 4);
}

// conformance: semaphore.bounded
TEST(BoundedSemaphore, test_bounded_semaphore) {
    const BoundedSemaphore sem(2);
    take_two_and_give_them_back(sem);
    EXPECT_THROW(sem.release(), ValueError);
    EXPECT_EQ(sem.get_value(), 2);
}

// conformance: semaphore.timeout
TEST_P(EachSemaphore, test_timeout) {
    const Semaphore sem = make(0);
    EXPECT_FALSE(sem.try_acquire());
    EXPECT_FALSE(sem.acquire(0s));
    const auto begin = Clock::now();
    EXPECT_FALSE(sem.acquire(100ms));
    EXPECT_GE(Clock::now() - begin, 100ms);
}

TEST(Semaphore, has_one_permit_unless_told_otherwise) {
    EXPECT_EQ(Semaphore().get_value(), 1);
    EXPECT_EQ(BoundedSemaphore().get_value(), 1);
}

TEST_P(EachSemaphore, below_zero_is_a_ValueError) {
    test::expect_parts(thrown_by<ValueError>([] { make(-1); }), {"Semaphore(-1)", "0 permits or more"});
}

TEST_P(EachSemaphore, fewer_than_one_cannot_be_released) {
    const Semaphore sem = make(3);
    for (const int n : {0, -1, INT_MIN})
        test::expect_parts(thrown_by<ValueError>([&] { sem.release(n); }),
                           {"Semaphore::release(", std::to_string(n).c_str(), "at least 1"});
    EXPECT_EQ(sem.get_value(), 3);
}

TEST_P(EachSemaphore, more_than_INT_MAX_permits_are_a_ValueError) {
    const Semaphore sem = make(INT_MAX);
    test::expect_parts(thrown_by<ValueError>([&] { sem.release(); }),
                       {"Semaphore(value=2147483647)::release(1)", "2147483647", "Release only what"});
    ASSERT_TRUE(sem.acquire());
    sem.release();
    EXPECT_EQ(sem.get_value(), INT_MAX);
}

TEST(BoundedSemaphore, releasing_more_than_was_acquired_is_a_ValueError_also_of_its_base) {
    const BoundedSemaphore sem(3);
    const Semaphore& base = sem;
    const Semaphore copy = sem;
    ASSERT_TRUE(sem.acquire());
    for (const Semaphore* each : {&base, &copy})
        test::expect_parts(
            thrown_by<ValueError>([&] { each->release(2); }),
            {"BoundedSemaphore(value=2)::release(2)", "the 3 that there are", "Release only what"});
    EXPECT_EQ(sem.get_value(), 2);
    copy.release();
    EXPECT_EQ(sem.get_value(), 3);
}

TEST_P(EachSemaphore, several_are_released_at_once) {
    const Semaphore sem = make(3);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(sem.try_acquire());
    sem.release(3);
    EXPECT_EQ(sem.get_value(), 3);
}

TEST_P(EachSemaphore, a_release_wakes_those_who_wait) {
    const Semaphore sem = make(4);
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(sem.acquire());
    std::vector<std::jthread> waiters;
    for (int i = 0; i < 4; ++i) waiters.emplace_back([&] { EXPECT_TRUE(sem.acquire()); });
    sem.release();
    sem.release(3);
    waiters.clear();
    EXPECT_EQ(sem.get_value(), 0);
}

TEST_P(EachSemaphore, no_more_threads_are_within_than_there_are_permits) {
    const Semaphore sem = make(2);
    std::atomic<int> within = 0, too_many = 0;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 5; ++i)
            threads.emplace_back([&] {
                for (int turn = 0; turn < 500; ++turn) {
                    const std::scoped_lock guard(sem);
                    if (++within > 2) ++too_many;
                    std::this_thread::yield();
                    --within;
                }
            });
    }
    EXPECT_EQ(too_many, 0);
    EXPECT_EQ(sem.get_value(), 2);
}

TEST_P(EachSemaphore, a_guard_holds_a_permit) {
    const Semaphore sem = make(2);
    {
        const std::scoped_lock guard(sem);
        EXPECT_EQ(sem.get_value(), 1);
        const std::unique_lock lock(sem, std::try_to_lock);
        EXPECT_TRUE(lock.owns_lock());
        EXPECT_FALSE(sem.try_lock());
    }
    EXPECT_EQ(sem.get_value(), 2);
}

TEST(BoundedSemaphore, unlock_without_a_permit_changes_nothing) {
    const BoundedSemaphore sem(1);
    sem.unlock();
    EXPECT_EQ(sem.get_value(), 1);
}

TEST_P(EachSemaphore, can_be_waited_for_until_a_point_on_any_clock) {
    const Semaphore sem = make(1);
    EXPECT_TRUE(sem.try_acquire_for(0s));
    EXPECT_FALSE(sem.try_acquire_for(1ms));
    const auto steady = Clock::now() + 5ms;
    EXPECT_FALSE(sem.try_acquire_until(steady));
    EXPECT_GE(Clock::now(), steady);
    const auto system = std::chrono::system_clock::now() + 5ms;
    EXPECT_FALSE(sem.try_acquire_until(system));
    EXPECT_GE(std::chrono::system_clock::now(), system);
    sem.release();
    EXPECT_TRUE(sem.try_acquire_until(steady));
}

TEST_P(EachSemaphore, a_stop_request_ends_the_wait) {
    const Semaphore sem = make(0);
    std::jthread waiter([&](std::stop_token stop) {
        test::expect_parts(
            thrown_by<procession::CancelledError>([&] { static_cast<void>(sem.acquire(1h, stop)); }),
            {"Semaphore", "stopped"});
        EXPECT_THROW(sem.acquire(stop), procession::CancelledError);
    });
    waiter.request_stop();
}

TEST_P(EachSemaphore, signals_do_not_end_the_wait) {
    const Semaphore sem = make(1);
    ASSERT_TRUE(sem.acquire());
    EXPECT_TRUE(test::through_signals([&] { return sem.acquire(); }, [&] { sem.release(); }));
}

TEST_P(EachSemaphore, is_printed_as_Python_prints_it) {
    const Semaphore sem = make(2);
    ASSERT_TRUE(sem.acquire());
    EXPECT_EQ(fmt::format("{}", sem), GetParam() == SemaphoreKind::bounded
                                          ? "<BoundedSemaphore(value=1, maxvalue=2)>"
                                          : "<Semaphore(value=1)>");
    std::ostringstream text;
    text << BoundedSemaphore(3);
    EXPECT_EQ(text.str(), "<BoundedSemaphore(value=3, maxvalue=3)>");
}

TEST(Semaphore, is_nothing_else) {
    const procession::Event event;
    EXPECT_THROW(Semaphore{procession::detail::Handle(event)}, procession::TypeMismatch);
    test::expect_parts(thrown_by<procession::TypeMismatch>(
                           [] { BoundedSemaphore{procession::detail::Handle(Semaphore())}; }),
                       {"BoundedSemaphore", "another kind"});
}

}  // namespace
