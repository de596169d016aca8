// SPDX-License-Identifier: Apache-2.0

// A lock's holder dies, or seems to: those who wait go on, one at a time, and only then.

#include <gtest/gtest.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>

#include <string>
#include <thread>
#include <vector>

#include "heap/lock.hpp"
#include "os/kill_point.hpp"
#include "support/child.hpp"
#include "support/proc.hpp"

#ifdef PROCESSION_KILL_POINTS

namespace procession {
namespace {

using heap::Guard;
using heap::Heap;
using heap::LockWord;
using heap::Operation;
using heap::Recovery;

/// A lock and its witnesses.
struct Guarded {
    LockWord lock;
    std::atomic<heap::ParticipantId> inside{0};
    std::atomic<int> recovered{0};
    std::atomic<int> not_alone{0};
    std::atomic<int> done{0};
};

void wait_until(const auto& condition) {
    while (!condition()) std::this_thread::yield();
}

bool life_is_flagged(Heap& heap, heap::ParticipantId id) {
    return __atomic_load_n(&heap.slot(id).life.__data.__lock, __ATOMIC_SEQ_CST) & FUTEX_OWNER_DIED;
}

class LockDeath : public testing::Test {
  protected:
    LockDeath() {
        set_recovery(Recovery::bytes, [](Heap& heap, heap::Offset lock) {
            auto& guarded = *heap.at<Guarded>(lock);
            ++guarded.recovered;
            guarded.inside = 0;
        });
    }

    void pass_through() {
        Operation operation(heap_);
        const Guard guard(operation, guarded_.lock, Recovery::bytes);
        if (guarded_.inside.exchange(operation.self()) != 0) ++guarded_.not_alone;
        std::this_thread::yield();
        guarded_.inside = 0;
        ++guarded_.done;
    }

    /// A process that has the lock for ever.
    pid_t start_holder() {
        const pid_t pid = test::fork_to([&] {
            Operation operation(heap_);
            const Guard guard(operation, guarded_.lock, Recovery::bytes);
            guarded_.inside = operation.self();
            for (;;) ::pause();
        });
        wait_until([&] { return guarded_.inside != 0; });
        return pid;
    }

    std::vector<pid_t> start_waiters(int count) {
        std::vector<pid_t> waiters;
        for (int i = 0; i < count; ++i) waiters.push_back(test::fork_to([&] { pass_through(); }));
        for (const pid_t waiter : waiters) test::wait_until_asleep(waiter);
        return waiters;
    }

    Heap heap_{Heap::create(64 << 20)};
    Guarded& guarded_ = *new (heap_.at<Guarded>(heap_.allocate(sizeof(Guarded)))) Guarded;
};

class HolderKilled : public LockDeath, public testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(Waiters, HolderKilled, testing::Values(1, 4, 16));

TEST_P(HolderKilled, all_waiters_go_on_one_at_a_time_after_one_recovery) {
    const pid_t holder = start_holder();
    const auto waiters = start_waiters(GetParam());
    EXPECT_EQ(guarded_.done, 0);
    ::kill(holder, SIGKILL);
    for (const pid_t waiter : waiters) EXPECT_EQ(test::end_of(waiter), 0);
    EXPECT_EQ(test::end_of(holder), -SIGKILL);
    EXPECT_EQ(guarded_.done, GetParam());
    EXPECT_EQ(guarded_.not_alone, 0);
    EXPECT_EQ(guarded_.recovered, 1);
    EXPECT_EQ(guarded_.lock.value, 0u);
}

class WaiterKilledAt : public LockDeath, public testing::WithParamInterface<const char*> {
  protected:
    static bool dies_before_holder() {
        const std::string_view point = GetParam();
        return point == "lock.before_sleep" || point == "life.wake_asked_for";
    }
};
INSTANTIATE_TEST_SUITE_P(EveryPoint, WaiterKilledAt,
                         testing::Values("lock.before_sleep", "life.wake_asked_for", "life.flag_seen",
                                         "lock.taken_over", "lock.recovered"));

TEST_P(WaiterKilledAt, the_others_go_on) {
    const pid_t holder = start_holder();
    const pid_t killed = test::fork_to([&] {
        os::select_kill_point(GetParam());
        pass_through();
    });
    if (dies_before_holder())
        EXPECT_EQ(test::end_of(killed), -SIGKILL);
    else
        test::wait_until_asleep(killed);
    const auto waiters = start_waiters(4);
    if (dies_before_holder()) {
        ::kill(holder, SIGKILL);
    } else {
        // Stopped, so that they are not the ones that see it.
        for (const pid_t waiter : waiters) {
            ::kill(waiter, SIGSTOP);
            ::waitpid(waiter, nullptr, WUNTRACED);
        }
        ::kill(holder, SIGKILL);
        EXPECT_EQ(test::end_of(killed), -SIGKILL);
        for (const pid_t waiter : waiters) ::kill(waiter, SIGCONT);
    }
    for (const pid_t waiter : waiters) EXPECT_EQ(test::end_of(waiter), 0);
    EXPECT_EQ(test::end_of(holder), -SIGKILL);
    EXPECT_EQ(guarded_.done, 4);
    EXPECT_EQ(guarded_.not_alone, 0);
    EXPECT_GE(guarded_.recovered, 1);
}

TEST_F(LockDeath, the_end_of_the_thread_that_has_the_life_is_not_the_holders) {
    auto& step = guarded_.done;
    const pid_t holder = test::fork_to([&] {
        std::thread living([&] {
            heap_.self();
            wait_until([&] { return step == 1; });
        });
        wait_until([&] { return heap_.identity().id != 0; });
        Operation operation(heap_);
        const Guard guard(operation, guarded_.lock, Recovery::bytes);
        guarded_.inside = operation.self();
        living.join();
        wait_until([&] { return step == 2; });
        guarded_.inside = 0;
    });
    wait_until([&] { return guarded_.inside != 0; });
    const heap::ParticipantId id = guarded_.inside;
    const auto waiters = start_waiters(4);
    ++step;
    wait_until([&] { return life_is_flagged(heap_, id); });
    // They look again and again, and see a living process.
    const long before = test::sleeps_of(waiters.back());
    wait_until([&] { return test::sleeps_of(waiters.back()) > before + 10; });
    EXPECT_EQ(guarded_.inside, id);
    ++step;
    for (const pid_t waiter : waiters) EXPECT_EQ(test::end_of(waiter), 0);
    EXPECT_EQ(test::end_of(holder), 0);
    EXPECT_EQ(guarded_.recovered, 0);
    EXPECT_EQ(guarded_.not_alone, 0);
}

TEST_F(LockDeath, a_life_whose_thread_ended_is_taken_anew_by_the_next_operation) {
    EXPECT_EQ(0, test::in_child([&] {
                  std::thread([&] { heap_.self(); }).join();
                  const bool flagged = life_is_flagged(heap_, heap_.self());
                  const Operation operation(heap_);
                  ::_exit(flagged && !life_is_flagged(heap_, heap_.self()) ? 0 : 1);
              }));
}

TEST_F(LockDeath, a_forked_childs_end_does_not_flag_its_parents_life) {
    heap_.self();
    EXPECT_EQ(0, test::in_child([] {}));
    EXPECT_EQ(0, test::in_child([&] { heap_.self(); }));
    EXPECT_FALSE(life_is_flagged(heap_, heap_.self()));
}

TEST_F(LockDeath, the_users_own_robust_mutexes_are_flagged_as_well) {
    auto& mutex = *heap_.at<pthread_mutex_t>(heap_.allocate(sizeof(pthread_mutex_t)));
    pthread_mutexattr_t attributes;
    ::pthread_mutexattr_init(&attributes);
    ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    ::pthread_mutex_init(&mutex, &attributes);
    EXPECT_EQ(-SIGKILL, test::in_child([&] {
        ::pthread_mutex_lock(&mutex);
        guarded_.inside = heap_.self();
        ::raise(SIGKILL);
    }));
    EXPECT_TRUE(life_is_flagged(heap_, guarded_.inside));
    EXPECT_EQ(::pthread_mutex_lock(&mutex), EOWNERDEAD);
    ::pthread_mutex_unlock(&mutex);
}

TEST_F(LockDeath, a_heap_may_go_before_the_thread_that_joined_it) {
    EXPECT_EQ(0, test::in_child([&] {
                  pthread_mutex_t mutex;
                  pthread_mutexattr_t attributes;
                  ::pthread_mutexattr_init(&attributes);
                  ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
                  ::pthread_mutex_init(&mutex, &attributes);
                  const auto join_and_destroy = [&](bool same_thread) {
                      auto* heap = new Heap(Heap::create(64 << 20));
                      heap->self();
                      if (same_thread)
                          delete heap;
                      else
                          std::thread([heap] { delete heap; }).join();
                      // Goes through what was locked before.
                      ::pthread_mutex_lock(&mutex);
                      ::pthread_mutex_unlock(&mutex);
                  };
                  join_and_destroy(true);
                  join_and_destroy(false);
              }));
}

}  // namespace
}  // namespace procession

#endif
