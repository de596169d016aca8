// SPDX-License-Identifier: Apache-2.0
#include "os/pidfd.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <string>
#include <string_view>

#include "os/error.hpp"

namespace procession::inline v0::os {

Descriptor pidfd_open(pid_t pid) {
    return Descriptor::above_stdio(static_cast<int>(
        checked(::syscall(SYS_pidfd_open, pid, 0), "process", "pidfd_open",
                "ESRCH: it has ended. EMFILE: raise RLIMIT_NOFILE.")));
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
    siginfo_t info{};
    WaitStatus status{};
    // The raw call also gives the resources used, which glibc's waitid hides.
    const auto call = [&] {
        return ::syscall(SYS_waitid, P_PIDFD, pidfd, &info, WEXITED | WNOHANG, &status.usage);
    };
    checked(retry_on_signal(call), "child process", "waitid(P_PIDFD)");
    if (info.si_pid == 0) return std::nullopt;
    status.code = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
    return status;
}

std::uint64_t process_start_time(pid_t pid) {
    const std::string name = "/proc/" + std::to_string(pid) + "/stat";
    Descriptor file(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return 0;
    char text[1024];
    const ssize_t size = retry_on_signal([&] { return ::read(file.get(), text, sizeof text); });
    if (size <= 0) return 0;
    std::string_view rest(text, static_cast<std::size_t>(size));
    // The command's name, field 2, may hold anything, so fields are counted after its last ')'.
    rest.remove_prefix(rest.rfind(')') + 2);
    for (int field = 3; field < 22; ++field) rest.remove_prefix(rest.find(' ') + 1);
    std::uint64_t ticks = 0;
    std::from_chars(rest.data(), rest.data() + rest.size(), ticks);
    return ticks;
}

}  // namespace procession::inline v0::os
