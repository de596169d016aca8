// SPDX-License-Identifier: Apache-2.0

// A test program that misbehaves on purpose: house_test runs its cases one by one and reads what the
// watchdog and the census say of them.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <procession/mp.hpp>

#include <fstream>
#include <latch>
#include <thread>

// With external linkage and frames of their own, so that a stack can name them.
[[gnu::noinline]] void stuck_in_main() {
    for (;;) ::pause();
}
[[gnu::noinline]] void stuck_in_thread(std::latch& begun) {
    begun.count_down();
    for (;;) ::pause();
}
void pause_for_ever() { stuck_in_main(); }

namespace {

TEST(Stuck, in_two_threads) {
    // It holds our stdout: who reads that sees its end only if the watchdog ends it, too.
    if (::fork() == 0) stuck_in_main();
    std::latch begun(1);
    std::thread other([&] { stuck_in_thread(begun); });
    begun.wait();
    stuck_in_main();
}

TEST(Leak, of_a_zombie) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(0);
    siginfo_t info;
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT), 0);
}

TEST(Leak, of_a_process) {
    mp::Process process({.name = "forgotten", .daemon = true}, pause_for_ever);
    process.start();
}

TEST(Leak, of_a_descriptor) { ASSERT_GE(::open("/dev/null", O_RDONLY | O_CLOEXEC), 0); }

TEST(Leak, of_a_shared_memory_file) {
    const std::string name = "/procession-leak-" + std::to_string(::getpid());
    ::close(::shm_open(name.c_str(), O_CREAT | O_EXCL | O_RDWR, 0600));
    // The census is taken before the program ends.
    static std::string remembered = name;
    std::atexit([] { ::shm_unlink(remembered.c_str()); });
}

TEST(Leak, of_a_temporary_file) {
    const std::string name = testing::TempDir() + "forgotten";
    std::ofstream(name) << "leak";
    static std::string remembered = name;
    std::atexit([] { ::unlink(remembered.c_str()); });
}

TEST(NoLeak, of_what_the_library_keeps) {
    mp::Queue<int> queue;
    for (const auto method : mp::get_all_start_methods()) {
        mp::Process process(
            {.daemon = true, .start_method = method}, +[](mp::Queue<int> out) { out.put(1); }, queue);
        process.start();
        process.join();
    }
}

}  // namespace
