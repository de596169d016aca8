// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "os/error.hpp"
#include "os/futex.hpp"
#include "process/launch.hpp"
#include "process/lifeline.hpp"

namespace procession::inline v0::detail {
namespace {

using heap::Heap;

/// The parts of a posix_spawn that have to be given back.
struct SpawnPlan {
    static constexpr int first_free = inherited_daemon_lifeline + 1;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    std::vector<os::Descriptor> lower;

    SpawnPlan() {
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawnattr_init(&attributes);
    }
    ~SpawnPlan() {
        ::posix_spawn_file_actions_destroy(&actions);
        ::posix_spawnattr_destroy(&attributes);
    }
    SpawnPlan(SpawnPlan&&) = delete;

    void give(int fd, int number) {
        int error = ::posix_spawn_file_actions_adddup2(&actions, fd, number);
        // Opened before RLIMIT_NOFILE became this low: the kernel would take it, glibc does not.
        if (error == EBADF) {
            lower.push_back(
                os::Descriptor(os::checked(::fcntl(fd, F_DUPFD_CLOEXEC, first_free), "Process",
                                           "fcntl(F_DUPFD_CLOEXEC)", "Raise RLIMIT_NOFILE.")));
            error = ::posix_spawn_file_actions_adddup2(&actions, lower.back().get(), number);
        }
        if (error) os::throw_errno("Process", "posix_spawn_file_actions_adddup2", {}, error);
    }
};

}  // namespace

Launched run_own_file(const std::string& role, bool daemon, int stderr_fd) {
    constexpr int heap_fd = 3, lifeline_fd = 4;
    // The new process would not heed the mark, and run main once more.
    if (::getauxval(AT_SECURE))
        throw StateError(
            "Process: a program with set-user-id or file capabilities is not started afresh, since it "
            "must "
            "not listen to its environment. Use StartMethod::fork.");
    SpawnPlan plan;
    if (stderr_fd != STDERR_FILENO) plan.give(stderr_fd, STDERR_FILENO);
    ::posix_spawn_file_actions_addopen(&plan.actions, 0, "/dev/null", O_RDONLY, 0);
    for (const int fd : {STDOUT_FILENO, stderr_fd})
        if (!os::is_open(fd))
            ::posix_spawn_file_actions_addopen(&plan.actions, fd, "/dev/null", O_WRONLY, 0);
    plan.give(Heap::program().descriptor(), heap_fd);
    plan.give(program_lifeline(), lifeline_fd);
    if (daemon) plan.give(daemon_lifeline(), inherited_daemon_lifeline);
    ::posix_spawn_file_actions_addclosefrom_np(&plan.actions,
                                               inherited_daemon_lifeline + (daemon ? 1 : 0));

    sigset_t all, none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigdefault(&plan.attributes, &all);
    ::posix_spawnattr_setsigmask(&plan.attributes, &none);
    ::posix_spawnattr_setflags(&plan.attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);

    const ProgramRoot root = program_root();
    const std::string mark =
        fmt::format("PROCESSION_CHILD=heap={},life={},root={},since={},namespace={},{}", heap_fd,
                    lifeline_fd, root.life.pid, root.life.start_time, root.pid_namespace, role);
    std::vector<char*> environment;
    for (char** entry = ::environ; entry && *entry; ++entry)
        if (std::strncmp(*entry, "PROCESSION_CHILD=", 17) != 0) environment.push_back(*entry);
    environment.push_back(const_cast<char*>(mark.c_str()));
    environment.push_back(nullptr);
    char* arguments[] = {::program_invocation_name, nullptr};

    // Runs on the parent's memory until the exec, so its cost does not depend on the parent's size.
    pid_t pid = 0;
    const int error = ::posix_spawn(&pid, "/proc/self/exe", &plan.actions, &plan.attributes, arguments,
                                    environment.data());
    if (error)
        os::throw_errno("Process", "posix_spawn(/proc/self/exe)",
                        "EAGAIN: raise RLIMIT_NPROC. ENOENT: is /proc mounted?", error);
    return {pid, os::pidfd_open_even_if_gone(pid), true};
}

void throw_did_not_begin(const char* what, int code) {
    throw StateError(
        fmt::format("{}: the program's own file ended with code {} before it became this. Its stderr "
                    "may say why. If it "
                    "is linked fully statically, call procession::init(argc, argv) first in main.",
                    what, code));
}

Launched launch_spawned(const LaunchOrder& order, int stderr_fd) {
    Launched child = run_own_file(fmt::format("launch={},record={},serial={},flags={}", order.launch,
                                              order.record, order.serial, order.flags),
                                  order.flags & LaunchOrder::is_daemon, stderr_fd);
    ProcessRecord& record = record_at(order.record);
    if (await_begin(record, child)) return child;
    // A signal may have ended it, which its exit code will tell.
    const auto status = os::reap_quietly(child.pidfd.get());
    if (!status || status->code >= 0) throw_did_not_begin("Process", status ? status->code : 255);
    record_end(record, status->code);
    return child;
}

}  // namespace procession::inline v0::detail
