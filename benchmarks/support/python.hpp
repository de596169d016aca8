// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "support/surroundings.hpp"

namespace procession::benchmark {

/// An interpreter that runs a script of this folder: PROCESSION_PYTHON, else python3. The script writes
/// its version, and then a figure for each line that it reads. It measures that itself: what comes and
/// goes by the socket is not in it.
class Python {
  public:
    explicit Python(const std::string& script, std::string argument = {}) {
        const char* chosen = std::getenv("PROCESSION_PYTHON");
        std::string interpreter = chosen ? chosen : "python3";
        std::string path = SOURCE_DIRECTORY "/benchmarks/" + script;
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return;
        char options[] = "-BWignore";
        char* arguments[] = {interpreter.data(), options, path.data(), argument.data(), nullptr};
        posix_spawn_file_actions_t actions;
        ::posix_spawn_file_actions_init(&actions);
        ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDIN_FILENO);
        ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        const bool started =
            ::posix_spawnp(&pid_, interpreter.c_str(), &actions, nullptr, arguments, ::environ) == 0;
        ::posix_spawn_file_actions_destroy(&actions);
        ::close(ends[1]);
        to_.reset(::fdopen(ends[0], "w"));
        from_.reset(::fdopen(::fcntl(ends[0], F_DUPFD_CLOEXEC, 0), "r"));
        if (started) version_ = read_line(from_.get());
        if (!*this) fmt::print("CPython is left out: {} does not run\n", interpreter);
    }
    Python(Python&&) = delete;
    ~Python() {
        if (to_) ::shutdown(::fileno(to_.get()), SHUT_WR);
        if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
    }

    explicit operator bool() const { return !version_.empty(); }

    /// How it stands in a table.
    std::string name(const std::string& what) const { return "CPython " + version_ + " " + what; }

    double ask(const std::string& request) {
        fmt::print(to_.get(), "{}\n", request);
        std::fflush(to_.get());
        const std::string figure = read_line(from_.get());
        if (figure.empty()) throw std::runtime_error("CPython ended at \"" + request + '"');
        return std::stod(figure);
    }

  private:
    pid_t pid_ = 0;
    Stream to_{nullptr, std::fclose}, from_{nullptr, std::fclose};
    std::string version_;
};

}  // namespace procession::benchmark
