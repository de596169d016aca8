// SPDX-License-Identifier: Apache-2.0
#include "process/lifeline.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mutex>
#include <string>

#include "heap/heap.hpp"
#include "os/descriptor.hpp"
#include "os/error.hpp"
#include "process/takeover.hpp"

namespace procession::inline v0::detail {
namespace {

struct Line {
    os::Descriptor reader, writer;

    void open() {
        int ends[2];
        os::checked(::pipe2(ends, O_CLOEXEC), "lifeline", "pipe2", "Raise RLIMIT_NOFILE.");
        // Opened anew by each process, also by one that has dropped its privileges.
        os::checked(::fchmod(ends[0], 0444), "lifeline", "fchmod");
        reader = os::Descriptor(ends[0]).duplicate(os::out_of_the_way);
        writer = os::Descriptor(ends[1]).duplicate(os::out_of_the_way);
    }
};

struct Lines {
    std::mutex mutex;
    Line program, daemons;
    ProgramRoot root{};
};

Lines& lines() {
    static Lines* const instance = [] {
        // A child that the program forks by itself must not keep the writers open.
        ::pthread_atfork([] { lines().mutex.lock(); }, [] { lines().mutex.unlock(); },
                         [] {
                             lines().mutex.unlock();
                             forget_lifelines_after_fork();
                         });
        return new Lines;
    }();
    return *instance;
}

}  // namespace

int program_lifeline() {
    const std::lock_guard lock(lines().mutex);
    Lines& known = lines();
    if (known.program.reader) return known.program.reader.get();
    // Also in static initialisers, which come before the takeover.
    if (const char* const mark = heap::child_mark()) {
        known.program.reader = os::Descriptor(static_cast<int>(mark_field(mark, "life=")));
        known.root = {{static_cast<pid_t>(mark_field(mark, "root=")), mark_field(mark, "since=")},
                      static_cast<std::uint32_t>(mark_field(mark, "namespace="))};
    } else {
        known.program.open();
        known.root = own_root();
    }
    return known.program.reader.get();
}

int daemon_lifeline() {
    const std::lock_guard lock(lines().mutex);
    if (!lines().daemons.reader) lines().daemons.open();
    return lines().daemons.reader.get();
}

ProgramRoot program_root() {
    const std::lock_guard lock(lines().mutex);
    return lines().root;
}

ProgramRoot own_root() { return {os::own_life(), os::pid_namespace()}; }

void forget_lifelines_after_fork() {
    lines().program.writer.reset();
    lines().daemons.writer.reset();
    lines().daemons.reader.reset();
}

void hang_on(int read_end) {
    // A description of our own: the owner that is signalled belongs to it.
    const int fd =
        os::checked(::open(("/proc/self/fd/" + std::to_string(read_end)).c_str(), O_RDONLY | O_CLOEXEC),
                    "lifeline", "open(/proc/self/fd)", "/proc must be mounted.");
    const int kept = os::Descriptor(fd).duplicate(os::out_of_the_way).release();
    os::checked(::fcntl(kept, F_SETOWN, ::getpid()), "lifeline", "fcntl(F_SETOWN)");
    os::checked(::fcntl(kept, F_SETSIG, SIGKILL), "lifeline", "fcntl(F_SETSIG)");
    os::checked(::fcntl(kept, F_SETFL, O_ASYNC | O_NONBLOCK), "lifeline", "fcntl(F_SETFL)");
    // The writer may have gone before the signal was armed.
    pollfd entry{kept, POLLIN, 0};
    if (::poll(&entry, 1, 0) > 0) ::raise(SIGKILL);
}

}  // namespace procession::inline v0::detail
