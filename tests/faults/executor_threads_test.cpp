// SPDX-License-Identifier: Apache-2.0

// An executor in a process that gets no more threads.

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <procession/mp.hpp>

#include <atomic>
#include <ranges>
#include <vector>

#include "support/expect.hpp"
#include "support/start_methods.hpp"
#include "support/tasks.hpp"

namespace {
std::atomic<bool> no_more_threads = false;
}

// Found before that of the C library, by all that this program consists of.
extern "C" int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*),
                              void* argument) noexcept {
    static const auto create =
        reinterpret_cast<decltype(&pthread_create)>(::dlsym(RTLD_NEXT, "pthread_create"));
    return no_more_threads ? EAGAIN : create(thread, attributes, run, argument);
}

namespace {

using namespace procession::test;

class WithoutThreads : public EachStartMethod {
  protected:
    void TearDown() override { no_more_threads = false; }
};
INSTANTIATE_TEST_SUITE_P(EveryMethod, WithoutThreads, all_start_methods(), name_of_parameter);

// conformance: executor.thread_start_failure
TEST_P(WithoutThreads, an_executor_is_refused) {
    no_more_threads = true;
    const std::string text = refused(EAGAIN, [] { const mp::ProcessPoolExecutor executor(1); });
    expect_parts(text, {"pthread_create", "EAGAIN", "RLIMIT_NPROC"});
    no_more_threads = false;
    EXPECT_EQ(mp::ProcessPoolExecutor(1).submit(answer).result(), 42);
}
TEST_P(WithoutThreads, callbacks_are_refused_and_tasks_are_done) {
    const mp::ProcessPoolExecutor executor(1);
    const HeldTask held(executor);
    no_more_threads = true;
    refused(EAGAIN, [&] { held.future.add_done_callback([](const mp::Future<int>&) {}); });
    refused(EAGAIN, [&] { static_cast<void>(mp::wait(std::vector{held.future})); });
    int sum = 0;
    const auto results = executor.submit(answer);
    held.let_go();
    for (const auto& each : {held.future, results}) sum += each.result();
    EXPECT_EQ(sum, 84);
    executor.shutdown();
}

}  // namespace
