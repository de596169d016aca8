// SPDX-License-Identifier: Apache-2.0
#include "os/process_life.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "os/pidfd.hpp"
#include "support/child.hpp"

namespace procession::os {
namespace {

using test::Event;

struct Child {
    pid_t pid;
    ProcessLife life;
};
Child child_that_stays() {
    const Event ready;
    int ends[2];
    checked(::pipe2(ends, O_CLOEXEC), "test", "pipe2");
    const Descriptor reader(ends[0]), writer(ends[1]);
    const pid_t pid = test::child_that_stays(ready, [&] {
        const ProcessLife life = own_life();
        checked(::write(writer.get(), &life, sizeof life), "test", "write");
    });
    ProcessLife life{};
    checked(::read(reader.get(), &life, sizeof life), "test", "read");
    return {pid, life};
}

TEST(ProcessLife, is_the_same_each_time_and_goes_on) {
    EXPECT_EQ(own_life(), own_life());
    EXPECT_EQ(own_life().pid, ::getpid());
    EXPECT_FALSE(is_over(own_life()));
}
TEST(ProcessLife, is_over_with_the_process_reaped_or_not) {
    const auto [pid, life] = child_that_stays();
    EXPECT_EQ(life.pid, pid);
    EXPECT_FALSE(is_over(life));
    const Descriptor process = pidfd_open(pid);
    ::kill(pid, SIGKILL);
    ASSERT_TRUE(wait_readable(process.get(), Deadline::never()));
    EXPECT_TRUE(is_over(life)) << "a zombie";
    ::waitpid(pid, nullptr, 0);
    EXPECT_TRUE(is_over(life));
}
TEST(ProcessLife, of_a_pid_that_is_anothers_by_now_is_over) {
    ProcessLife life = own_life();
    ++life.start_time;
    EXPECT_TRUE(is_over(life));
}
TEST(ProcessLife, goes_on_when_only_the_first_thread_has_ended) {
#ifdef __SANITIZE_THREAD__
    GTEST_SKIP() << "the thread sanitizer waits for ever for a first thread that ended without it";
#endif
    const Event told, done;
    const pid_t pid = ::fork();
    if (pid == 0) {
        static pthread_t first;
        first = ::pthread_self();
        static const Event *tell, *until;
        tell = &told;
        until = &done;
        pthread_t other;
        ::pthread_create(
            &other, nullptr,
            [](void*) -> void* {
                ::pthread_join(first, nullptr);
                tell->set();
                until->wait();
                ::_exit(is_over({::getpid(), own_life().start_time}) ? 1 : 0);
            },
            nullptr);
        ::syscall(SYS_exit, 0);  // without the unwinding of pthread_exit, which the test would catch
    }
    told.wait();
    done.set();
    int status = 0;
    ::waitpid(pid, &status, 0);
    EXPECT_EQ(status, 0);
}
TEST(ProcessLife, has_the_namespace_that_the_kernel_names) {
    struct stat info {};
    ASSERT_EQ(::stat("/proc/self/ns/pid", &info), 0);
    EXPECT_EQ(pid_namespace(), info.st_ino);
}
TEST(ProcessLife, is_read_whatever_the_program_is_called) {
    EXPECT_EQ(test::in_child([] {
                  const ProcessLife before = own_life();
                  ::pthread_setname_np(::pthread_self(), ") R 1 1 (x");
                  ::_exit(before == own_life() ? 0 : 1);
              }),
              0);
}

}  // namespace
}  // namespace procession::os
