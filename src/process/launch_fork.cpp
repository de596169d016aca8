// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "os/error.hpp"
#include "os/self.hpp"
#include "process/launch.hpp"
#include "process/lifeline.hpp"

namespace procession::inline v0::detail {
namespace {

using heap::Heap;

// What stdio holds would be written by the child as well.
void flush_before_fork() {
    std::cout.flush();
    std::fflush(nullptr);
}

}  // namespace

Launched launch_forked(Process& process, const Handle& record, const Launch& launch,
                       std::span<const heap::Offset> given, int stderr_fd) {
    const bool with_threads = os::thread_count() > 1;
    if (with_threads)
        log_warning(
            "fork in a process with threads: what they hold stays locked in the child; use "
            "StartMethod::forkserver");
    flush_before_fork();
    // Its own descriptor, since a fork closes the parent's in the child.
    const bool daemon = record_of(record).daemon != 0;
    os::Descriptor line = daemon ? os::Descriptor(::dup(daemon_lifeline())) : os::Descriptor();
    const std::uint64_t serial = Heap::program().at<heap::ObjectHeader>(record.offset())->serial;
    const pid_t pid = ::fork();
    if (pid == 0) {
        // What fails here must not go on in the caller: that is the parent's code.
        try {
            if (stderr_fd != STDERR_FILENO) ::dup2(stderr_fd, STDERR_FILENO);
            hang_on(program_lifeline());
            if (line) hang_on(line.get());
            line.reset();
            run_forked(process, record, serial, with_threads, launch, given);
        } catch (const std::exception& error) {
            say_cannot_begin(error);
        }
        ::_exit(255);
    }
    os::checked(pid, fmt::format("Process(\"{}\")", process.name()), "fork",
                "EAGAIN: raise RLIMIT_NPROC.");
    Launched child{pid, os::pidfd_open_even_if_gone(pid), true};
    await_begin(record_of(record), child);
    return child;
}

}  // namespace procession::inline v0::detail
