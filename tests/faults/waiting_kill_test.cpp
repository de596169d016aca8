// SPDX-License-Identifier: Apache-2.0

// A waker is killed in the middle: those who wake after it still know that somebody sleeps.

#include "heap/waiting.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include "os/kill_point.hpp"
#include "support/child.hpp"
#include "support/proc.hpp"

#ifdef PROCESSION_KILL_POINTS

namespace {

using procession::heap::Heap;
using procession::heap::Operation;
using procession::heap::WaitPoint;
namespace heap = procession::heap;
namespace os = procession::os;
namespace test = procession::test;

struct Awaited {
    WaitPoint point;
    std::atomic<bool> come{false};
};

class Waker : public testing::Test {
  protected:
    pid_t start_waiter() {
        const pid_t pid = ::fork();
        if (pid == 0) {
            Operation operation(heap_);
            wait(
                operation, awaited_.point, [&] { return awaited_.come.load(); }, os::Deadline::never());
            ::_exit(0);
        }
        while (test::process_entry(pid)->state != 'S' || awaited_.point.waiters == 0) {
        }
        return pid;
    }

    Heap heap_{Heap::create(64 << 20)};
    Awaited& awaited_ = *new (heap_.at<Awaited>(heap_.allocate(sizeof(Awaited)))) Awaited;
};

// Fails where a waker takes the flag down before it has woken: another one, which comes in between,
// then wakes nobody.
TEST_F(Waker, killed_in_the_middle_leaves_the_flag_up) {
    const pid_t waiter = start_waiter();
    EXPECT_EQ(-SIGKILL, test::in_child([&] {
        os::select_kill_point("wake.flag_marked");
        notify(awaited_.point);
    }));
    EXPECT_NE(awaited_.point.waiters, 0u);
    awaited_.come = true;
    notify(awaited_.point);
    EXPECT_EQ(::waitpid(waiter, nullptr, 0), waiter);
}

TEST_F(Waker, takes_the_flag_down_when_nobody_sleeps) {
    awaited_.point.waiters = 1;
    notify(awaited_.point);
    EXPECT_EQ(awaited_.point.waiters, 0u);
}

}  // namespace

#endif
