// SPDX-License-Identifier: Apache-2.0
#include "os/inherited.hpp"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>

namespace procession::inline v0::os {
namespace {
constexpr int last_signal = 64;
constexpr std::uint64_t bit(int signal) { return std::uint64_t{1} << (signal - 1); }
}  // namespace

Inherited Inherited::capture() {
    Inherited now{};
    for (char** entry = ::environ; entry && *entry; ++entry) now.environment.emplace_back(*entry);
    char path[PATH_MAX];
    if (::getcwd(path, sizeof path)) now.directory = path;
    // There is no other cheap way to read it; for that moment it is stricter, never laxer.
    now.umask = ::umask(077);
    ::umask(static_cast<mode_t>(now.umask));
    sigset_t mask;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    for (int signal = 1; signal <= last_signal; ++signal) {
        if (::sigismember(&mask, signal) == 1) now.blocked |= bit(signal);
        struct sigaction action{};
        if (::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN)
            now.ignored |= bit(signal);
    }
    for (unsigned i = 0; i < now.limits.size(); ++i)
        ::getrlimit(static_cast<__rlimit_resource>(i), &now.limits[i]);
    now.nice = ::getpriority(PRIO_PROCESS, 0);
    ::sched_getaffinity(0, sizeof now.affinity, &now.affinity);
    return now;
}

void Inherited::apply() const {
    ::clearenv();
    for (const std::string& entry : environment) {
        const auto equals = entry.find('=');
        if (equals != entry.npos)
            ::setenv(entry.substr(0, equals).c_str(), entry.c_str() + equals + 1, 1);
    }
    // The directory may have been removed meanwhile; as after a fork, the child then is where it is.
    if (!directory.empty() && ::chdir(directory.c_str()) != 0 && ::chdir("/") != 0) return;
    ::umask(static_cast<mode_t>(umask));
    sigset_t mask;
    ::sigemptyset(&mask);
    for (int signal = 1; signal <= last_signal; ++signal) {
        if (blocked & bit(signal)) ::sigaddset(&mask, signal);
        ::signal(signal, ignored & bit(signal) ? SIG_IGN : SIG_DFL);
    }
    for (unsigned i = 0; i < limits.size(); ++i)
        ::setrlimit(static_cast<__rlimit_resource>(i), &limits[i]);
    if (::getpriority(PRIO_PROCESS, 0) != nice) ::setpriority(PRIO_PROCESS, 0, nice);
    ::sched_setaffinity(0, sizeof affinity, &affinity);
    ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
}

}  // namespace procession::inline v0::os
