// SPDX-License-Identifier: Apache-2.0
#pragma once

// Tasks that end when they are told to, and futures in a given state.

#include <unistd.h>
#include <procession/mp.hpp>

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <vector>

#include "support/proc.hpp"
#include "support/waiting.hpp"

namespace procession::test {

/// What a task says that it has come to, and waits at until it is opened.
struct Gate {
    procession::Event reached, open;
};

inline int answer() { return 42; }
inline int fail() { throw std::runtime_error("the task fails"); }
inline int wait_at(const Gate& gate) {
    gate.reached.set();
    gate.open.wait();
    return 42;
}
inline int fail_after(const Gate& gate) {
    wait_at(gate);
    return fail();
}
/// Takes the request to stop, and goes on.
inline int wait_though_stopped(std::stop_token, const Gate& gate) { return wait_at(gate); }

/// A task that has begun, and ends when it is let go, or when this goes.
class HeldTask {
  public:
    explicit HeldTask(const ProcessPoolExecutor& executor, int (*task)(const Gate&) = wait_at)
        : future(executor.submit(task, gate_)) {
        gate_.reached.wait();
    }
    ~HeldTask() { let_go(); }
    HeldTask(HeldTask&&) = delete;
    void let_go() const { gate_.open.set(); }

  private:
    const Gate gate_;

  public:
    const Future<int> future;
};

/// A future that was cancelled and is not done: its task was asked to stop and has not ended.
class CancelledButNotDone {
  public:
    CancelledButNotDone() : future(executor_.submit(wait_though_stopped, gate_)) {
        gate_.reached.wait();
        future.cancel();
    }
    ~CancelledButNotDone() { gate_.open.set(); }
    CancelledButNotDone(CancelledButNotDone&&) = delete;

  private:
    const Gate gate_;
    const ProcessPoolExecutor executor_{1, {.grace = std::chrono::hours(1)}};

  public:
    const Future<int> future;
};

/// One future in each state in which nothing more comes.
struct DoneFutures {
    DoneFutures() : DoneFutures(ProcessPoolExecutor(1)) {}
    Future<int> finished, failed, cancelled;

  private:
    explicit DoneFutures(const ProcessPoolExecutor& executor)
        : finished(executor.submit(answer)),
          failed(executor.submit(fail)),
          cancelled(cancelled_of(executor)) {
        static_cast<void>(failed.exception());
    }
    // It is queued behind one that is held.
    static Future<int> cancelled_of(const ProcessPoolExecutor& executor) {
        const HeldTask before(executor);
        Future<int> future = executor.submit(answer);
        future.cancel();
        return future;
    }
};

/// Does something once this thread sleeps.
template <class F>
std::jthread when_this_thread_sleeps(F f) {
    return std::jthread([f, sleeper = ::gettid()] {
        wait_until([&] { return thread_state(sleeper) == 'S'; });
        f();
    });
}

/// The workers of an executor: so many are there, or come. A task may begin before its worker is listed.
inline std::vector<ProcessHandle> workers_of(const ProcessPoolExecutor& executor, std::size_t count) {
    wait_until([&] { return executor.workers().size() == count; });
    return executor.workers();
}

/// Whether these are those, in whatever order.
template <class T>
bool are(const std::vector<Future<T>>& these, std::initializer_list<Future<T>> those) {
    return std::is_permutation(these.begin(), these.end(), those.begin(), those.end());
}

}  // namespace procession::test
