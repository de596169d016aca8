// SPDX-License-Identifier: Apache-2.0

// Ctrl-C: what a pool does of it that is to end on it, and what it does to one that is not.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "os/descriptor.hpp"
#include "os/error.hpp"
#include "support/child.hpp"
#include "support/expect.hpp"
#include "support/proc.hpp"
#include "support/start_methods.hpp"
#include "support/thrown.hpp"
#include "support/waiting.hpp"

namespace {

using namespace procession::test;

int square(int x) { return x * x; }
int run_until(mp::Event begun, mp::Event go) {
    begun.set();
    go.wait();
    return 42;
}
int run_for_ever(mp::Event begun) {
    begun.set();
    for (;;) ::pause();
}
bool is_gone(int pid) {
    const auto entry = process_entry(pid);
    return !entry || entry->state == 'Z';
}

/// The pool hears of an interrupt by a thread of its own.
void wait_until_it_heard(const mp::Pool& pool) {
    wait_until([&] {
        try {
            static_cast<void>(pool.apply(square, 1));
            return false;
        } catch (const mp::CancelledError&) {
            return true;
        }
    });
}

class PoolInterrupt : public EachStartMethod {
  protected:
    static constexpr int all_well = 0;
    /// What a child ends with whose expectations were met.
    template <class Body>
    static int in_child_with_expectations(Body body) {
        return in_child([&] {
            EXPECT_NO_THROW(body());
            ::_exit(testing::Test::HasFailure() ? 1 : all_well);
        });
    }
};
INSTANTIATE_TEST_SUITE_P(EveryMethod, PoolInterrupt, all_start_methods(), name_of_parameter);

TEST_P(PoolInterrupt, lets_what_is_begun_end_and_cancels_the_rest) {
    EXPECT_EQ(all_well, in_child_with_expectations([] {
                  const mp::Pool pool(1, {.ends_on_interrupt = true});
                  const mp::Event begun, go;
                  const auto first = pool.apply_async(run_until, begun, go);
                  const auto second = pool.apply_async(square, 2);
                  const auto mapped = pool.map_async(square, std::vector{1, 2, 3}, 1);
                  begun.wait();
                  ::raise(SIGINT);
                  expect_parts(thrown<mp::CancelledError>([&] { static_cast<void>(second.get()); }),
                               {"Pool", "Ctrl-C"});
                  EXPECT_THROW(static_cast<void>(mapped.get()), mp::CancelledError);
                  EXPECT_FALSE(first.ready());
                  expect_parts(
                      thrown<mp::CancelledError>([&] { static_cast<void>(pool.apply(square, 3)); }),
                      {"Pool", "Ctrl-C"});
                  expect_parts(thrown<mp::CancelledError>([&] {
                                   static_cast<void>(pool.map(square, {3, 4}));
                               }),
                               {"Pool", "Ctrl-C"});
                  go.set();
                  EXPECT_EQ(first.get(), 42);
                  EXPECT_TRUE(pool.join());
                  EXPECT_EQ(pool.stats().died, 0U);
              }));
}

TEST_P(PoolInterrupt, that_comes_twice_ends_what_is_begun) {
    EXPECT_EQ(all_well, in_child_with_expectations([] {
                  const mp::Pool pool(2, {.ends_on_interrupt = true});
                  const mp::Event begun;
                  const auto first = pool.apply_async(run_for_ever, begun);
                  const auto second = pool.apply_async(square, 2);
                  begun.wait();
                  static_cast<void>(second.get());
                  ::raise(SIGINT);
                  wait_until([&] { return pool.workers().size() == 1; });
                  EXPECT_FALSE(first.ready());
                  ::raise(SIGINT);
                  EXPECT_THROW(static_cast<void>(first.get()), mp::CancelledError);
                  EXPECT_TRUE(pool.join());
              }));
}

TEST_P(PoolInterrupt, that_comes_thrice_ends_the_process_and_its_workers) {
    const mp::Event begun;
    const mp::Queue<int> pids;
    const auto ignore_all = [](mp::Event begun, mp::Queue<int> pids) {
        ::signal(SIGTERM, SIG_IGN);
        pids.put(::getpid());
        begun.set();
        for (;;) ::pause();
    };
    const int end = in_child([&] {
        const mp::Pool pool(1, {.ends_on_interrupt = true, .grace = std::chrono::hours(1)});
        const auto result = pool.apply_async(ignore_all, begun, pids);
        begun.wait();
        for (int i = 0; i < 3; ++i) ::raise(SIGINT);
        pool.join();
    });
    EXPECT_EQ(end, -SIGINT);
    const int worker = pids.get();
    wait_until([&] { return is_gone(worker); });
}

TEST_P(PoolInterrupt, wakes_who_waits_in_a_call) {
    EXPECT_EQ(all_well, in_child_with_expectations([] {
                  const mp::Pool pool(1, {.ends_on_interrupt = true});
                  const mp::Event begun, go;
                  const auto first = pool.apply_async(run_until, begun, go);
                  begun.wait();
                  std::jthread interrupter([&] {
                      wait_until([&] { return pool.stats().queued == 3; });
                      ::kill(::getpid(), SIGINT);
                  });
                  EXPECT_THROW(static_cast<void>(pool.map(square, {1, 2, 3}, 1)), mp::CancelledError);
                  go.set();
                  EXPECT_EQ(first.get(), 42);
              }));
}

std::atomic<int> own_interrupts = 0;
TEST_P(PoolInterrupt, has_the_handler_of_before_once_the_pool_is_gone) {
    EXPECT_EQ(all_well, in_child_with_expectations([] {
                  ::signal(SIGINT, [](int) { ++own_interrupts; });
                  for (int round = 1; round <= 3; ++round) {
                      {
                          const mp::Pool outer(1, {.ends_on_interrupt = true});
                          const mp::Pool inner(1, {.ends_on_interrupt = true});
                          ::raise(SIGINT);
                          for (const mp::Pool* pool : {&outer, &inner}) {
                              wait_until_it_heard(*pool);
                              EXPECT_TRUE(pool->join());
                          }
                      }
                      EXPECT_EQ(own_interrupts, round - 1);
                      ::raise(SIGINT);
                      EXPECT_EQ(own_interrupts, round);
                  }
                  const mp::Pool without(1);
                  ::raise(SIGINT);
                  EXPECT_EQ(own_interrupts, 4);
                  EXPECT_EQ(without.apply(square, 3), 9);
              }));
}

TEST_P(PoolInterrupt, leaves_a_handler_alone_that_the_program_has_set_meanwhile) {
    EXPECT_EQ(all_well, in_child_with_expectations([] {
                  {
                      const mp::Pool pool(1, {.ends_on_interrupt = true});
                      ::signal(SIGINT, [](int) { ++own_interrupts; });
                  }
                  ::raise(SIGINT);
                  EXPECT_EQ(own_interrupts, 1);
              }));
}

// ---------------------------------------------------------------- from a terminal, to all processes

class TerminalInterrupt : public PoolInterrupt {
  protected:
    /// A process that leads a group of its own, with a pool; then all of the group are interrupted.
    /// @returns its end; what they all wrote is left in `written`
    int interrupt_all(mp::PoolOptions options, bool ends_by_itself) {
        int ends[2];
        procession::os::checked(::pipe2(ends, O_CLOEXEC), "test", "pipe2");
        const procession::os::Descriptor reader(ends[0]);
        procession::os::Descriptor writer(ends[1]);
        const pid_t leader = fork_to([&] {
            ::setpgid(0, 0);
            ::dup2(writer.get(), STDERR_FILENO);
            ::dup2(writer.get(), STDOUT_FILENO);
            const mp::Pool pool(2, std::move(options));
            const mp::Event begun;
            const auto result = pool.apply_async(run_until, begun, go_);
            const auto other = pool.apply_async(square, 3);
            begun.wait();
            static_cast<void>(other.get());
            for (const mp::ProcessHandle& worker : pool.workers()) pids_.put(worker.pid());
            while (!ends_by_itself) ::pause();
            wait_until_it_heard(pool);
            ::_exit(result.get() == 42 && pool.join() ? all_well : 1);
        });
        writer.reset();
        const int first = pids_.get(), second = pids_.get();
        ::kill(-leader, SIGINT);
        go_.set();
        const int end = end_of(leader);
        for (const int pid : {first, second}) wait_until([&] { return is_gone(pid); });
        char buffer[1000];
        for (ssize_t size; (size = ::read(reader.get(), buffer, sizeof buffer)) > 0;)
            written_.append(buffer, static_cast<std::size_t>(size));
        return end;
    }

    const mp::Event go_;
    const mp::Queue<int> pids_;
    std::string written_;
};
INSTANTIATE_TEST_SUITE_P(EveryMethod, TerminalInterrupt, all_start_methods(), name_of_parameter);

TEST_P(TerminalInterrupt, ends_a_program_and_its_workers_without_a_word) {
    EXPECT_EQ(interrupt_all({}, false), -SIGINT);
    EXPECT_EQ(written_, "");
}

TEST_P(TerminalInterrupt, lets_tasks_end_where_the_pool_ends_on_it) {
    EXPECT_EQ(interrupt_all({.ends_on_interrupt = true}, true), all_well);
    EXPECT_EQ(written_, "");
}

}  // namespace
