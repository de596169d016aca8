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

void replace_environment(const std::string& entries) {
    ::clearenv();
    for (std::size_t at = 0; at < entries.size();) {
        const std::string entry = entries.c_str() + at;
        at += entry.size() + 1;
        if (const auto equals = entry.find('='); equals != entry.npos)
            ::setenv(entry.substr(0, equals).c_str(), entry.c_str() + equals + 1, 1);
    }
}

void block(std::uint64_t signals) {
    sigset_t mask;
    ::sigemptyset(&mask);
    for (int signal = 1; signal <= last_signal; ++signal)
        if (signals & bit(signal)) ::sigaddset(&mask, signal);
    ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
}
}  // namespace

Inherited Inherited::capture() {
    Inherited now{};
    for (char** entry = ::environ; entry && *entry; ++entry)
        now.environment.append(*entry).push_back('\0');
    char path[PATH_MAX];
    if (::getcwd(path, sizeof path)) now.directory = path;
    // There is no other cheap way to read it; for that moment it is stricter, never laxer.
    now.umask = ::umask(077);
    ::umask(static_cast<mode_t>(now.umask));
    sigset_t mask;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    for (int signal = 1; signal <= last_signal; ++signal) {
        if (::sigismember(&mask, signal) == 1) now.blocked |= bit(signal);
        struct sigaction action {};
        if (::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN)
            now.ignored |= bit(signal);
    }
    for (unsigned i = 0; i < now.limits.size(); ++i)
        ::getrlimit(static_cast<__rlimit_resource>(i), &now.limits[i]);
    now.nice = ::getpriority(PRIO_PROCESS, 0);
    ::sched_getaffinity(0, sizeof now.affinity, &now.affinity);
    return now;
}

void Inherited::apply(const Inherited& now) const {
    if (environment != now.environment) replace_environment(environment);
    // The directory may have been removed meanwhile; as after a fork, the child then is where it is.
    if (directory != now.directory && ::chdir(directory.c_str()) != 0 && ::chdir("/") != 0) return;
    if (umask != now.umask) ::umask(static_cast<mode_t>(umask));
    for (int signal = 1; signal <= last_signal; ++signal)
        if ((ignored ^ now.ignored) & bit(signal))
            ::signal(signal, ignored & bit(signal) ? SIG_IGN : SIG_DFL);
    for (unsigned i = 0; i < limits.size(); ++i)
        if (limits[i].rlim_cur != now.limits[i].rlim_cur || limits[i].rlim_max != now.limits[i].rlim_max)
            ::setrlimit(static_cast<__rlimit_resource>(i), &limits[i]);
    if (nice != now.nice) ::setpriority(PRIO_PROCESS, 0, nice);
    if (!CPU_EQUAL(&affinity, &now.affinity)) ::sched_setaffinity(0, sizeof affinity, &affinity);
    // Last, so that a signal that was held back finds everything in its place.
    if (blocked != now.blocked) block(blocked);
}

}  // namespace procession::inline v0::os
