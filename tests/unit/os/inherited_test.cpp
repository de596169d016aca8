// SPDX-License-Identifier: Apache-2.0
#include "os/inherited.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <procession/serialize.hpp>

#include <filesystem>

#include "support/child.hpp"

namespace procession {
namespace {

os::Inherited through_the_wire(const os::Inherited& inherited) {
    detail::Buffer buffer;
    NativeWriter writer(buffer);
    detail::save_value(writer, inherited);
    NativeReader reader(buffer.bytes());
    return detail::load_value<os::Inherited>(reader);
}

TEST(Inherited, is_put_on_as_it_was_taken_down) {
    const std::string folder = std::filesystem::canonical(testing::TempDir());
    EXPECT_EQ(0, test::in_child([&] {
                  ::setenv("PROCESSION_TEST_VARIABLE", "with=equals", 1);
                  ::setenv("PROCESSION_TEST_EMPTY", "", 1);
                  EXPECT_EQ(::chdir(folder.c_str()), 0);
                  ::umask(027);
                  sigset_t mask;
                  ::sigemptyset(&mask);
                  ::sigaddset(&mask, SIGUSR2);
                  ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
                  ::signal(SIGPIPE, SIG_IGN);
                  const rlimit limit{100, 100};
                  ::setrlimit(RLIMIT_NOFILE, &limit);
                  ::setpriority(PRIO_PROCESS, 0, 5);
                  cpu_set_t one;
                  CPU_ZERO(&one);
                  CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &one);
                  ::sched_setaffinity(0, sizeof one, &one);
                  const os::Inherited taken = through_the_wire(os::Inherited::capture());

                  // As the fork server's child would be, and worse.
                  ::clearenv();
                  ::setenv("PROCESSION_TEST_FOREIGN", "1", 1);
                  EXPECT_EQ(::chdir("/"), 0);
                  ::umask(0);
                  ::sigfillset(&mask);
                  ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
                  ::signal(SIGPIPE, SIG_DFL);
                  ::signal(SIGHUP, SIG_IGN);
                  taken.apply(os::Inherited::capture());

                  EXPECT_STREQ(::getenv("PROCESSION_TEST_VARIABLE"), "with=equals");
                  EXPECT_STREQ(::getenv("PROCESSION_TEST_EMPTY"), "");
                  EXPECT_EQ(::getenv("PROCESSION_TEST_FOREIGN"), nullptr);
                  EXPECT_EQ(std::filesystem::current_path(), folder);
                  const os::Inherited now = os::Inherited::capture();
                  EXPECT_EQ(now.umask, 027u);
                  EXPECT_EQ(now.blocked, std::uint64_t{1} << (SIGUSR2 - 1));
                  EXPECT_EQ(now.ignored, taken.ignored);
                  EXPECT_TRUE(now.ignored & std::uint64_t{1} << (SIGPIPE - 1));
                  EXPECT_FALSE(now.ignored & std::uint64_t{1} << (SIGHUP - 1));
                  EXPECT_EQ(now.limits[RLIMIT_NOFILE].rlim_cur, 100u);
                  EXPECT_EQ(now.nice, 5);
                  EXPECT_EQ(CPU_COUNT(&now.affinity), 1);
                  ::_exit(testing::Test::HasFailure() ? 1 : 0);
              }));
}

TEST(Inherited, of_a_directory_that_is_gone_is_the_root) {
    EXPECT_EQ(0, test::in_child([] {
                  os::Inherited taken = os::Inherited::capture();
                  const os::Inherited now = taken;
                  taken.directory = "/no such directory";
                  taken.apply(now);
                  ::_exit(std::filesystem::current_path() == "/" ? 0 : 1);
              }));
}

}  // namespace
}  // namespace procession
