// SPDX-License-Identifier: Apache-2.0
#include "os/memory.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "support/child.hpp"
#include "support/descriptors.hpp"
#include "support/expect.hpp"

namespace procession {
namespace {

using test::closes_on_exec;
using test::expect_parts;
using test::refused;

TEST(SealedMemfd, cannot_be_resized_by_a_hostile_child) {
    const os::Descriptor file = os::make_sealed_memfd("test", 8192);
    EXPECT_TRUE(closes_on_exec(file.get()));
    EXPECT_EQ(os::check_sealed_memfd(file.get()), 8192u);
    for (const off_t size : {0, 4096, 16384})
        EXPECT_EQ(EPERM,
                  test::in_child([&] { ::_exit(::ftruncate(file.get(), size) == 0 ? 0 : errno); }))
            << size;
    EXPECT_EQ(EPERM, test::in_child([&] {
                  ::_exit(::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE) == 0 ? 0 : errno);
              }));
    const os::Mapping mapping(file.get(), 8192);
    mapping.base()[8191] = std::byte{1};
    EXPECT_EQ(os::check_sealed_memfd(file.get()), 8192u);
}

TEST(SealedMemfd, is_told_from_a_plain_file) {
    const os::Descriptor file(::open(testing::TempDir().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    ASSERT_TRUE(file);
    expect_parts(refused(EINVAL, [&] { os::check_sealed_memfd(file.get()); }),
                 {"inherited heap: fcntl(F_GET_SEALS): EINVAL", "PROCESSION_CHILD"});
    refused(EBADF, [] { os::check_sealed_memfd(-1); });
}

TEST(SealedMemfd, is_told_from_one_that_could_be_resized) {
    const os::Descriptor file(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    for (const int seals : {0, F_SEAL_SHRINK, F_SEAL_GROW}) {
        ASSERT_EQ(::fcntl(file.get(), F_ADD_SEALS, seals), 0);
        expect_parts(refused(EPERM, [&] { os::check_sealed_memfd(file.get()); }),
                     {"inherited heap: check of seals and owner: EPERM", "PROCESSION_CHILD"});
    }
    ASSERT_EQ(::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SEAL), 0);
    EXPECT_EQ(os::check_sealed_memfd(file.get()), 0u);
}

TEST(SealedMemfd, is_told_from_another_users) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
    const os::Descriptor file = os::make_sealed_memfd("test", 4096);
    ASSERT_EQ(::fchown(file.get(), 65534, 65534), 0);
    refused(EPERM, [&] { os::check_sealed_memfd(file.get()); });
}

TEST(SealedMemfd, of_root_is_taken_by_a_process_that_dropped_its_privileges) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root has privileges to drop";
    const os::Descriptor file = os::make_sealed_memfd("test", 4096);
    EXPECT_EQ(0, test::in_child([&] {
                  if (::setuid(65534) != 0) ::_exit(2);
                  ::_exit(os::check_sealed_memfd(file.get()) == 4096 ? 0 : 1);
              }));
}

TEST(SealedMemfd, of_too_many_bytes_is_refused_with_the_remedy) {
    EXPECT_EQ(0, test::in_child([] {
                  const rlimit limit{4096, 4096};
                  ::setrlimit(RLIMIT_FSIZE, &limit);
                  ::signal(SIGXFSZ, SIG_IGN);
                  expect_parts(refused(EFBIG, [] { os::make_sealed_memfd("small", 8192); }),
                               {"small: ftruncate: EFBIG", "RLIMIT_FSIZE"});
                  ::_exit(testing::Test::HasFailure() ? 1 : 0);
              }));
}

TEST(Mapping, is_shared_with_children) {
    const os::Descriptor file = os::make_sealed_memfd("test", 4096);
    const os::Mapping mapping(file.get(), 4096);
    EXPECT_EQ(0, test::in_child([&] { mapping.base()[7] = std::byte{42}; }));
    EXPECT_EQ(mapping.base()[7], std::byte{42});
}

TEST(Mapping, that_the_system_refuses_is_an_error_with_the_remedy) {
    expect_parts(refused(EBADF, [] { os::Mapping(-1, 4096); }),
                 {"shared heap: mmap: EBADF", "RLIMIT_AS"});
}

TEST(WipeOnForkPage, is_zero_in_a_child_and_untouched_here) {
    auto* page = static_cast<int*>(os::make_wipe_on_fork_page());
    page[0] = page[1023] = 5;
    EXPECT_EQ(0, test::in_child([&] { ::_exit(page[0] + page[1023]); }));
    EXPECT_EQ(page[0] + page[1023], 10);
    ::munmap(page, static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)));
}

}  // namespace
}  // namespace procession
