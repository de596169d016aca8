// SPDX-License-Identifier: Apache-2.0
#include "os/record_lock.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <thread>

#include "os/memory.hpp"
#include "support/child.hpp"
#include "support/event.hpp"
#include "support/expect.hpp"

namespace procession {
namespace {

using test::Event;
using test::expect_parts;
using test::refused;

class RecordLock : public testing::Test {
  protected:
    template <class Body>
    pid_t holder(Body body) {
        return test::child_that_stays(ready_, body);
    }
    void kill(pid_t pid) {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
    }
    bool held() { return os::byte_is_held_by_another(file_.get(), byte); }

    static constexpr std::uint64_t byte = (64ull << 30) + 5;  ///< beyond the file's end, as lives are
    os::Descriptor file_ = os::make_sealed_memfd("test", 4096);
    Event ready_;
};

TEST_F(RecordLock, of_this_process_is_taken_again_and_never_reported) {
    EXPECT_TRUE(os::try_lock_byte(file_.get(), byte));
    EXPECT_TRUE(os::try_lock_byte(file_.get(), byte));
    EXPECT_FALSE(held());
    EXPECT_EQ(0, test::in_child([&] { ::_exit(held() ? 0 : 1); }));
    os::unlock_byte(file_.get(), byte);
    EXPECT_EQ(0, test::in_child([&] { ::_exit(held() ? 1 : 0); }));
}

TEST_F(RecordLock, of_another_process_is_seen_and_ends_with_its_death) {
    const pid_t pid = holder([&] { os::try_lock_byte(file_.get(), byte); });
    EXPECT_TRUE(held());
    EXPECT_FALSE(os::try_lock_byte(file_.get(), byte));
    EXPECT_FALSE(os::byte_is_held_by_another(file_.get(), byte + 1));
    kill(pid);
    EXPECT_FALSE(held());
    EXPECT_TRUE(os::try_lock_byte(file_.get(), byte));
}

TEST_F(RecordLock, outlives_the_thread_that_took_it) {
    const pid_t pid = holder([&] { std::thread([&] { os::try_lock_byte(file_.get(), byte); }).join(); });
    EXPECT_TRUE(held());
    kill(pid);
}

TEST_F(RecordLock, is_not_inherited_by_a_fork) {
    os::try_lock_byte(file_.get(), byte);
    EXPECT_EQ(0, test::in_child([&] { ::_exit(os::try_lock_byte(file_.get(), byte) ? 1 : 0); }));
}

TEST_F(RecordLock, ends_at_exec) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        os::try_lock_byte(file_.get(), byte);
        ::dup2(ready_.setter(), STDOUT_FILENO);
        ::execl("/bin/sh", "sh", "-c", "printf x; read never < /dev/zero", nullptr);
        ::_exit(1);
    }
    ready_.wait();
    EXPECT_FALSE(held());
    kill(pid);
}

// The trap that the header warns of: it is why a participant closes no descriptor of the heap.
TEST_F(RecordLock, ends_when_any_descriptor_of_the_file_is_closed) {
    const pid_t pid = holder([&] {
        os::try_lock_byte(file_.get(), byte);
        file_.duplicate().reset();
    });
    EXPECT_FALSE(held());
    kill(pid);
}

TEST_F(RecordLock, of_a_closed_file_is_an_error_that_names_the_call) {
    expect_parts(refused(EBADF, [] { os::try_lock_byte(-1, 0); }),
                 {"shared heap: fcntl(F_SETLK): EBADF"});
    expect_parts(refused(EBADF, [] { os::byte_is_held_by_another(-1, 0); }), {"fcntl(F_GETLK)"});
}

}  // namespace
}  // namespace procession
