// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include "support/event.hpp"

namespace procession::test {

/// Runs `body` in a forked child and returns how that ended: n, or -signal.
template <class Body>
int in_child(Body body) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        body();
        ::_exit(0);
    }
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
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
