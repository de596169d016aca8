// SPDX-License-Identifier: Apache-2.0
#include "os/pidfd.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <thread>

#include "os/error.hpp"

namespace procession::inline v0::os {
namespace {

std::optional<Ended> reap_one(idtype_t kind, int id) {
    siginfo_t info{};
    WaitStatus status{};
    // The raw call also gives the resources used, which glibc's waitid hides.
    const auto call = [&] {
        return ::syscall(SYS_waitid, kind, id, &info, WEXITED | WNOHANG, &status.usage);
    };
    checked(retry_on_signal(call), "child process", "waitid");
    if (info.si_pid == 0) return std::nullopt;
    status.code = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
    return Ended{info.si_pid, status};
}

}  // namespace

Descriptor pidfd_open(pid_t pid) {
    return Descriptor::above_stdio(
        static_cast<int>(checked(::syscall(SYS_pidfd_open, pid, 0), "process", "pidfd_open",
                                 "ESRCH: it has ended. EMFILE: raise RLIMIT_NOFILE.")));
}

Descriptor pidfd_open_even_if_gone(pid_t pid) {
    try {
        return pidfd_open(pid);
    } catch (const std::system_error& error) {
        if (error.code() != std::errc::no_such_process) throw;
        return Descriptor::above_stdio(
            checked(::eventfd(1, EFD_CLOEXEC), "process", "eventfd", "EMFILE: raise RLIMIT_NOFILE."));
    }
}

bool pidfd_send_signal(int pidfd, int signal) {
    if (::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0) == 0) return true;
    if (errno == ESRCH) return false;
    throw_errno("process", "pidfd_send_signal");
}

bool wait_readable(int fd, const Deadline& deadline) {
    for (;;) {
        pollfd entry{fd, POLLIN, 0};
        const int ready = ::poll(&entry, 1, deadline.poll_milliseconds());
        if (ready > 0) return true;
        if (ready == 0 && deadline.expired()) return false;
        if (ready < 0 && errno != EINTR) throw_errno("descriptor", "poll");
    }
}

std::optional<WaitStatus> reap(int pidfd) {
    const auto ended = reap_one(P_PIDFD, pidfd);
    if (!ended) return std::nullopt;
    return ended->status;
}

std::optional<WaitStatus> reap_quietly(int pidfd) noexcept {
    try {
        return reap(pidfd);
    } catch (const std::system_error&) {
        return std::nullopt;
    }
}

std::optional<WaitStatus> reap_ended(int pidfd) noexcept {
    constexpr std::chrono::milliseconds between_looks(1);
    try {
        for (int looks = 0; looks < 1000; ++looks) {
            if (const auto status = reap(pidfd)) return status;
            std::this_thread::sleep_for(between_looks);
        }
    } catch (const std::system_error&) {
        // Somebody else reaped it.
    }
    return std::nullopt;
}

std::optional<Ended> reap_any() {
    try {
        return reap_one(P_ALL, 0);
    } catch (const std::system_error& error) {
        if (error.code() == std::errc::no_child_process) return std::nullopt;
        throw;
    }
}

std::optional<int> exit_code_of(int pidfd) {
    // Of PIDFD_GET_INFO in linux/pidfd.h, which Debian 12 does not have yet.
    struct Info {
        std::uint64_t mask, cgroup;
        std::array<std::uint32_t, 11> ids;
        std::int32_t exit_code;
    };
    static_assert(sizeof(Info) == 64);
    constexpr std::uint64_t wants_exit = 1 << 3;
    // The code is there once the process was reaped, which poll(2) shows as a hang-up.
    pollfd entry{pidfd, 0, 0};
    ::poll(&entry, 1, 100);
    Info info{wants_exit, 0, {}, 0};
    if (::ioctl(pidfd, _IOWR(0xFF, 11, Info), &info) != 0 || !(info.mask & wants_exit))
        return std::nullopt;
    return WIFSIGNALED(info.exit_code) ? -WTERMSIG(info.exit_code) : WEXITSTATUS(info.exit_code);
}

}  // namespace procession::inline v0::os
