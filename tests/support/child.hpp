// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include "support/event.hpp"

namespace procession::test {

/// A forked child that does `body` and ends.
template <class Body>
pid_t fork_to(Body body) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        body();
        ::_exit(0);
    }
    return pid;
}

/// Waits for a child's end: n, or -signal.
inline int end_of(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/// Runs `body` in a forked child and returns how that ended.
template <class Body>
int in_child(Body body) {
    return end_of(fork_to(body));
}

/// A forked child that does `body`, says so by `ready`, and then is there until it is killed.
template <class Body>
pid_t child_that_stays(const Event& ready, Body body) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        body();
        ready.set();
        for (;;) ::pause();
    }
    ready.wait();
    return pid;
}

}  // namespace procession::test
