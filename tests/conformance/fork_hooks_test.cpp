// SPDX-License-Identifier: Apache-2.0

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include "support/child.hpp"

namespace {

int registered = 0;

// A process that makes use of all that registers hooks, and forks the next one.
void live(int generations_left) {
    mp::Queue<int> queue;
    mp::Process process({.start_method = mp::StartMethod::fork}, [queue] { queue.put(1); });
    process.start();
    static_cast<void>(queue.get());
    process.join();
    if (generations_left == 0) ::_exit(registered);
    ::_exit(procession::test::in_child([&] { live(generations_left - 1); }));
}

// conformance: misc.afterfork_registry
TEST(TestForkAwareThreadLock, test_lock) {
    const int first = procession::test::in_child([] { live(0); });
    EXPECT_GT(first, 0) << "nothing was registered: the count is not the library's";
    EXPECT_EQ(procession::test::in_child([] { live(5); }), first);
}

}  // namespace

// In the place of the C library's, to count.
extern "C" int __register_atfork(void (*)(), void (*)(), void (*)(), void*);
extern "C" void* __dso_handle;
extern "C" int pthread_atfork(void (*prepare)(), void (*parent)(), void (*child)()) noexcept {
    ++registered;
    return __register_atfork(prepare, parent, child, &__dso_handle);
}
