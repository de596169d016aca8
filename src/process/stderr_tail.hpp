// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a process writes to its stderr comes by here, so that the last of it is known when the process has
// died: the process's descriptor 2 is the write end of a pipe, and what comes out is written to this
// process's own stderr.
//
// The pipe holds some 64 KiB: a process that writes more waits until it is forwarded. What it was handed
// down to holds the write end, too, and may do so for long after the process's death, so the end of the pipe
// says nothing of the process. When this process dies, who writes there is sent SIGPIPE, as with any pipe;
// those that this process's end ends are gone by then.

#include <cstddef>
#include <string>

#include "os/deadline.hpp"
#include "os/descriptor.hpp"

namespace procession::inline v0::detail {

/// @par Thread safety  one thread at a time
class StderrTail {
  public:
    /// How much of the end is kept.
    static constexpr std::size_t kept_size = 4096;

    /// @throws std::system_error  EMFILE: there is no descriptor for it
    StderrTail();
    ~StderrTail();
    StderrTail(StderrTail&&) = delete;

    /// For ProcessState::stderr_fd, until the start.
    int writer() const { return writer_.get(); }
    /// The process has been started, or will not be.
    void close_writer() { writer_.reset(); }

    /// Readable when there is something to forward(); -1 once nothing can come any more.
    int fd() const { return reader_.get(); }

    /// Writes on what there is, to this process's stderr. Waits only where that does not take it, until the
    /// deadline; what it has not taken by then is lost, but for last_lines(), and what is lost is said as
    /// soon as it takes something. After that it is not waited for before it does.
    void forward(const os::Deadline&);

    /// The end of what was forwarded, at most `count` lines of it, without the last line's end.
    std::string last_lines(std::size_t count) const;

  private:
    friend void forget_stderr_tails_after_fork();

    void keep(std::string_view);
    void write_on(std::string_view, const os::Deadline&);

    os::Descriptor reader_, writer_;
    std::string kept_;
    std::size_t lost_ = 0;
};

/// In a forked child: they are the parent's.
void forget_stderr_tails_after_fork();

}  // namespace procession::inline v0::detail
