// SPDX-License-Identifier: Apache-2.0
#include "support/program.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/descriptor.hpp"
#include "os/error.hpp"

namespace procession::test {
namespace {

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (std::string& each : texts) pointers.push_back(each.data());
    pointers.push_back(nullptr);
    return pointers;
}

}  // namespace

Ended run_program(std::vector<std::string> arguments, std::vector<std::string> environment) {
    // The first of two entries of one name is the one that counts.
    for (char** entry = ::environ; *entry; ++entry) environment.emplace_back(*entry);
    int ends[2];
    os::checked(::pipe2(ends, O_CLOEXEC), arguments[0], "pipe2");
    os::Descriptor reader(ends[0]), writer(ends[1]);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, writer.get(), STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, writer.get(), STDERR_FILENO);
    pid_t pid = 0;
    const int error = ::posix_spawn(&pid, arguments[0].c_str(), &actions, nullptr,
                                    pointers_to(arguments).data(), pointers_to(environment).data());
    ::posix_spawn_file_actions_destroy(&actions);
    if (error) os::throw_errno(arguments[0], "posix_spawn", {}, error);
    writer.reset();

    Ended ended{};
    char buffer[4096];
    const auto read = [&] { return ::read(reader.get(), buffer, sizeof buffer); };
    while (const auto size = os::checked(os::retry_on_signal(read), arguments[0], "read"))
        ended.output.append(buffer, static_cast<std::size_t>(size));
    int status = 0;
    os::checked(os::retry_on_signal([&] { return ::waitpid(pid, &status, 0); }), arguments[0],
                "waitpid");
    ended.code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return ended;
}

}  // namespace procession::test
