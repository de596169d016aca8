// SPDX-License-Identifier: Apache-2.0
#include "os/descriptor.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support/child.hpp"
#include "support/descriptors.hpp"
#include "support/expect.hpp"

namespace procession {
namespace {

using test::closes_on_exec;
using test::expect_parts;
using test::is_open;
using test::open_null;
using test::refused;

TEST(Descriptor, closes_what_it_owns) {
    int fd;
    {
        const os::Descriptor owner = open_null();
        fd = owner.get();
        EXPECT_TRUE(owner);
        EXPECT_TRUE(is_open(fd));
    }
    EXPECT_FALSE(is_open(fd));
}

TEST(Descriptor, hands_over_when_it_is_moved) {
    os::Descriptor first = open_null(), second = open_null();
    const int fd = first.get(), replaced = second.get();
    second = std::move(first);
    EXPECT_FALSE(first);
    EXPECT_EQ(second.get(), fd);
    EXPECT_FALSE(is_open(replaced));
    EXPECT_EQ(second.release(), fd);
    EXPECT_TRUE(is_open(fd));
    second.reset(fd);
    second.reset();
    EXPECT_FALSE(is_open(fd));
}

TEST(Descriptor, duplicates_above_a_number_and_closes_on_exec) {
    const os::Descriptor first = open_null();
    const os::Descriptor second = first.duplicate(150);
    EXPECT_GE(second.get(), 150);
    EXPECT_TRUE(closes_on_exec(second.get()));
}

TEST(Descriptor, duplicates_lower_where_few_numbers_are_allowed) {
    EXPECT_EQ(0, test::in_child([] {
                  const os::Descriptor first = open_null();
                  const rlimit few{100, 100};
                  ::setrlimit(RLIMIT_NOFILE, &few);
                  const os::Descriptor second = first.duplicate(150);
                  ::_exit(second.get() > STDERR_FILENO && closes_on_exec(second.get()) ? 0 : 1);
              }));
}

TEST(Descriptor, that_is_none_cannot_be_duplicated) {
    expect_parts(refused(EBADF, [] { static_cast<void>(os::Descriptor().duplicate()); }),
                 {"descriptor: fcntl(F_DUPFD_CLOEXEC): EBADF", "RLIMIT_NOFILE"});
}

TEST(Descriptor, keeps_out_of_the_place_of_a_closed_stdin) {
    const os::Descriptor saved(::fcntl(0, F_DUPFD_CLOEXEC, 100));
    ::close(0);
    const os::Descriptor opened = os::Descriptor::above_stdio(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    EXPECT_GT(opened.get(), STDERR_FILENO);
    EXPECT_FALSE(is_open(0));
    ::dup2(saved.get(), 0);
    EXPECT_FALSE(os::Descriptor::above_stdio(-1));
}

}  // namespace
}  // namespace procession
