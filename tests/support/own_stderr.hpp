// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <cstddef>
#include <string>

#include "os/descriptor.hpp"

namespace procession::test {

/// While it lives, this process's stderr is a pipe.
class OwnStderr {
  public:
    OwnStderr() : before_(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)) {
        int ends[2];
        EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
        reader_.reset(ends[0]);
        const os::Descriptor writer(ends[1]);
        ::dup2(writer.get(), STDERR_FILENO);
        ::fcntl(reader_.get(), F_SETFL, O_NONBLOCK);
    }
    ~OwnStderr() { ::dup2(before_.get(), STDERR_FILENO); }
    OwnStderr(OwnStderr&&) = delete;

    /// What was written there since.
    std::string read() const {
        std::string text;
        char piece[4096];
        for (ssize_t size; (size = ::read(reader_.get(), piece, sizeof piece)) > 0;)
            text.append(piece, static_cast<std::size_t>(size));
        return text;
    }
    void close_reader() { reader_.reset(); }
    /// So that nobody can write any more; the pipe's own flags are not changed.
    static std::size_t fill() {
        std::size_t sum = 0;
        for (pollfd out{STDERR_FILENO, POLLOUT, 0}; ::poll(&out, 1, 0) > 0;) {
            const std::string block(4096, '.');
            sum += static_cast<std::size_t>(::write(STDERR_FILENO, block.data(), block.size()));
        }
        return sum;
    }

  private:
    os::Descriptor before_, reader_;
};

}  // namespace procession::test
