// SPDX-License-Identifier: Apache-2.0

// The lives of participants: what ends one, what does not, and what is done for those that ended.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <thread>
#include <vector>

#include "heap/lock.hpp"
#include "os/kill_point.hpp"
#include "support/child.hpp"
#include "support/event.hpp"
#include "support/heap_work.hpp"
#include "support/proc.hpp"

namespace procession {
namespace {

using heap::Heap;
using heap::Offset;
using heap::ParticipantId;
using test::Event;

/// A heap in which nothing may be left at the end, and whose participants can tell each other their id.
class Participants : public testing::Test {
  protected:
    Participants() {
        heap_.self();
        shared_ = heap_.allocate(64);
        id() = 0;
    }
    ~Participants() override {
        heap_.free(shared_);
        EXPECT_EQ(heap_.usage().blocks, 0u);
    }

    std::atomic<ParticipantId>& id() { return *heap_.at<std::atomic<ParticipantId>>(shared_); }

    template <class Body>
    pid_t child_that_stays(Body body) {
        return test::child_that_stays(ready_, body);
    }
    static void kill(pid_t pid) {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
    }

    Heap heap_{Heap::create(512ull << 20)};
    Offset shared_;
    Event ready_;
};

class Life : public Participants {};

TEST_F(Life, is_the_process_not_the_thread_that_joined) {
    const pid_t pid = child_that_stays([&] { std::thread([&] { id() = heap_.self(); }).join(); });
    EXPECT_FALSE(heap_.is_dead(id()));
    kill(pid);
    EXPECT_TRUE(heap_.is_dead(id()));
    bury(heap_, id());
}

TEST_F(Life, goes_on_when_main_leaves_and_another_thread_stays) {
    const Event end;
    const pid_t pid = ::fork();
    if (pid == 0) {
        id() = heap_.self();
        new std::thread([&] {
            while (test::thread_state(::getpid()) != 'Z') std::this_thread::yield();
            ready_.set();
            end.wait();
            ::_exit(0);
        });
        // As pthread_exit() ends, without the unwinding, which GoogleTest's catch (...) would stop.
        ::syscall(SYS_exit, 0);
    }
    ready_.wait();
    EXPECT_FALSE(heap_.is_dead(id()));
    end.set();
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
    EXPECT_TRUE(heap_.is_dead(id()));
    bury(heap_, id());
}

TEST_F(Life, ends_at_exec) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        id() = heap_.self();
        ::dup2(ready_.setter(), STDOUT_FILENO);
        ::execl("/bin/sh", "sh", "-c", "printf x; read never < /dev/zero", nullptr);
        ::_exit(1);
    }
    ready_.wait();
    EXPECT_TRUE(heap_.is_dead(id()));
    bury(heap_, id());
    kill(pid);
}

TEST_F(Life, of_a_forked_child_is_its_own) {
    EXPECT_EQ(0, test::in_child([&] { id() = heap_.self(); }));
    EXPECT_NE(id().load(), heap_.self());
    EXPECT_TRUE(heap_.is_dead(id()));
    EXPECT_FALSE(heap_.is_dead(heap_.self()));
    bury(heap_, id());
}

// The child has the holder's descriptors and memory; only its life is not its own.
TEST_F(Life, is_not_kept_by_the_children_of_the_dead) {
    heap::LockWord& lock = heap_.header().directory_lock;
    auto& grandchild = *reinterpret_cast<std::atomic<pid_t>*>(&id() + 1);
    const pid_t holder = child_that_stays([&] {
        id() = heap_.self();
        const pid_t forked = ::fork();
        if (forked == 0)
            for (;;) ::pause();
        grandchild = forked;
        new heap::Guard(*new heap::Operation(heap_), lock, heap::Recovery::none);
    });
    EXPECT_FALSE(heap_.is_dead(id()));
    EXPECT_EQ(lock.value.load(), id().load());
    kill(holder);
    EXPECT_TRUE(heap_.is_dead(id()));
    bury(heap_, id());
    EXPECT_EQ(lock.value.load(), 0u) << "recovered for its dead holder";
    heap::Operation operation(heap_);
    const heap::Guard guard(operation, lock, heap::Recovery::none);
    ::kill(grandchild, SIGKILL);
}

TEST_F(Life, of_a_stopped_process_goes_on) {
    const pid_t pid = child_that_stays([&] { id() = heap_.self(); });
    ::kill(pid, SIGSTOP);
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, WUNTRACED), pid);
    EXPECT_FALSE(heap_.is_dead(id()));
    kill(pid);
    bury(heap_, id());
}

class Slots : public Participants {};

// Nothing but its id names a participant: while a stale one is about, the id must not come again.
TEST_F(Slots, are_reused_oldest_first_by_100_000_processes_and_no_id_comes_twice) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    constexpr std::uint32_t processes = 10'000;  // a fork costs many times as much
#else
    constexpr std::uint32_t processes = 100'000;
#endif
    constexpr std::uint32_t at_once = 50;
    const Offset block = heap_.allocate(at_once * sizeof(ParticipantId));
    auto* ids = heap_.at<std::atomic<ParticipantId>>(block);
    std::vector<std::uint32_t> uses(heap::slot_count);
    std::vector<ParticipantId> latest(heap::slot_count);
    for (std::uint32_t made = 0; made < processes; made += at_once) {
        std::array<pid_t, at_once> pids;
        for (std::uint32_t i = 0; i < at_once; ++i) {
            pids[i] = ::fork();
            if (pids[i] == 0) {
                ids[i] = heap_.self();
                ::_exit(0);
            }
        }
        for (std::uint32_t i = 0; i < at_once; ++i) {
            ASSERT_EQ(::waitpid(pids[i], nullptr, 0), pids[i]);
            const ParticipantId id = ids[i];
            const std::uint32_t slot = id % heap::slot_count;
            // The generation is the upper part, so within a slot ids only grow.
            ASSERT_GT(id, latest[slot]);
            latest[slot] = id;
            ++uses[slot];
            ASSERT_TRUE(heap_.is_dead(id));
            bury(heap_, id);
        }
    }
    heap_.free(block);
    // All but slot 0, which is never used, and this process's own take part in turn.
    constexpr std::uint32_t turns = processes / (heap::slot_count - 2);
    for (std::uint32_t slot = 1; slot < heap::slot_count; ++slot) {
        if (slot == heap_.self() % heap::slot_count) continue;
        ASSERT_GE(uses[slot], turns);
        ASSERT_LE(uses[slot], turns + 1);
    }
}

class Truncation : public Participants {};

// An unsealed file cut short would kill everybody who looks at it, by SIGBUS.
TEST_F(Truncation, by_a_hostile_child_is_refused_and_hurts_nobody) {
    const Offset block = heap_.allocate(100'000);
    EXPECT_EQ(
        EPERM, test::in_child([&] {
            for (const off_t size : {off_t{0}, off_t{1} << 20, static_cast<off_t>(2 * heap::arena_size)})
                if (::ftruncate(heap_.descriptor(), size) == 0) ::_exit(0);
            ::_exit(errno);
        }));
    heap_.at<char>(block)[99'999] = 'x';
    EXPECT_EQ(0, test::in_child([&] { ::_exit(heap_.at<char>(block)[99'999] == 'x' ? 0 : 1); }));
    heap_.free(block);
    test::work(heap_);
}

TEST_F(Participants, may_die_unburied_more_often_than_there_are_places) {
    for (std::uint32_t i = 0; i < heap::slot_count + 10; ++i)
        ASSERT_EQ(0, test::in_child([&] { heap_.self(); })) << i;
    test::bury_everybody(heap_);
}

#ifdef PROCESSION_KILL_POINTS

class Coroner : public Participants {};

TEST_F(Coroner, that_is_stopped_stops_nobody) {
    const pid_t coroner = ::fork();
    if (coroner == 0) {
        heap::Operation operation(heap_);
        heap::Guard::try_take(operation, heap_.header().coroner_lock, heap::Recovery::none);
        ::raise(SIGSTOP);
        ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(coroner, &status, WUNTRACED), coroner);
    ASSERT_TRUE(WIFSTOPPED(status));
    EXPECT_EQ(-SIGKILL, test::in_child([&] {
        os::select_kill_point("run.head_freed");
        test::work(heap_);
    }));
    test::bury_everybody(heap_);
    test::work(heap_);
    kill(coroner);
    test::bury_everybody(heap_);
}

#endif

}  // namespace
}  // namespace procession
