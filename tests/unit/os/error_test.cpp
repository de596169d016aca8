// SPDX-License-Identifier: Apache-2.0
#include "os/error.hpp"

#include <gtest/gtest.h>

#include "support/expect.hpp"

namespace procession {
namespace {

using test::refused;

TEST(ThrowErrno, names_object_call_errno_text_and_next_step) {
    const std::string message = refused(ENOSPC, [] {
        os::throw_errno("SharedMemory(\"x\")", "ftruncate", "Remove stale segments.", ENOSPC);
    });
    EXPECT_EQ(message,
              "SharedMemory(\"x\"): ftruncate: ENOSPC. Remove stale segments.: No space left on device");
}

TEST(ThrowErrno, leaves_out_a_next_step_that_there_is_not) {
    EXPECT_EQ(refused(EBADF, [] { os::throw_errno("pipe", "read", {}, EBADF); }),
              "pipe: read: EBADF: Bad file descriptor");
}

TEST(Checked, passes_results_on_and_throws_for_minus_one) {
    EXPECT_EQ(os::checked(0, "x", "y"), 0);
    EXPECT_EQ(os::checked(-2, "x", "y"), -2);
    errno = EPERM;
    refused(EPERM, [] { os::checked(-1L, "x", "y"); });
}

TEST(RetryOnSignal, repeats_only_what_was_interrupted) {
    int calls = 0;
    EXPECT_EQ(os::retry_on_signal([&] { return errno = EINTR, ++calls < 3 ? -1 : 7; }), 7);
    EXPECT_EQ(calls, 3);
    calls = 0;
    EXPECT_EQ(os::retry_on_signal([&] { return errno = EAGAIN, ++calls, -1; }), -1);
    EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace procession
