// SPDX-License-Identifier: Apache-2.0
#include "process/launch.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <mutex>

#include "heap/operation.hpp"
#include "os/error.hpp"
#include "os/futex.hpp"
#include "os/socket.hpp"
#include "process/lifeline.hpp"

namespace procession::inline v0::detail {
namespace {

using heap::Heap;

// A connection to the fork server, for this very process: a forked child makes its own.
struct Connection {
    std::mutex mutex;
    os::Descriptor socket;
    int pid = 0;
};
Connection& connection() {
    static Connection* const instance = new Connection;
    return *instance;
}

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

// With the server's lock held.
void start_fork_server(heap::ProgramState& program) {
    std::array<std::uint64_t, 2> random;
    os::checked(::getrandom(random.data(), sizeof random, 0), "fork server", "getrandom");
    const std::string name = fmt::format("procession-{:016x}{:016x}", random[0], random[1]);
    std::memcpy(program.server_name, name.c_str(), name.size() + 1);
    program.server.store(0);
    // It listens before it runs anything of the program's, on a socket that it inherits.
    const Launched server = run_own_file("server", false);
    const auto deadline = os::Deadline::after(std::chrono::seconds(60));
    while (program.server.load() == 0) {
        os::futex_wait(program.server, 0, deadline.sooner(std::chrono::milliseconds(20)));
        if (os::wait_readable(server.pidfd.get(), os::Deadline::after(std::chrono::seconds(0))))
            throw StateError(fmt::format(
                "fork server: the program's own file ended with code {} when it was run as the server. "
                "If it is linked fully statically, call procession::init(argc, argv) first in main.",
                os::reap(server.pidfd.get()).value_or(os::WaitStatus{255, {}}).code));
        if (deadline.expired()) throw TimeoutError("fork server: it was not ready within 60 s");
    }
}

os::Descriptor connect_to_server() {
    Heap& heap = Heap::program();
    heap::ProgramState& program = heap.header().program;
    heap::Operation operation(heap);
    const heap::Guard guard(operation, program.server_lock, heap::Recovery::none);
    for (int attempt = 0;; ++attempt) {
        const auto server = program.server.load();
        if (server == 0 || heap.is_dead(server)) {
            if (server) heap::bury(heap, server);
            start_fork_server(program);
        }
        try {
            os::Descriptor socket = os::connect_abstract(program.server_name);
            if (os::peer_user(socket.get()) != ::geteuid())
                throw StateError("fork server: its socket belongs to another user");
            return socket;
        } catch (const std::system_error&) {
            if (attempt == 3) throw;
            // It died between the two looks.
            program.server.store(0);
        }
    }
}

}  // namespace

std::uint64_t write_launch(const Handle& record, const PlaceName& entry, StartMethod method,
                           const Limits& limits, const Buffer& arguments) {
    Heap& heap = Heap::program();
    const Launch launch{entry, os::Inherited::capture(), log_state(), method, limits,
                        current_record().offset()};
    Buffer head;
    NativeWriter writer(head);
    save_value(writer, launch);
    std::vector<heap::Offset> objects(arguments.references().begin(), arguments.references().end());
    objects.push_back(record.offset());
    objects.push_back(current_record().offset());
    const auto size = head.bytes().size() + arguments.bytes().size();
    const heap::Offset message = make_message(heap, size, objects, heap::Use::control);
    const auto place = message_bytes(heap, message);
    std::memcpy(place.data(), head.bytes().data(), head.bytes().size());
    std::memcpy(place.data() + head.bytes().size(), arguments.bytes().data(), arguments.bytes().size());
    return message;
}

Launched run_own_file(const std::string& role, bool daemon) {
    constexpr int heap_fd = 3, lifeline_fd = 4, after_ours = 6;
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    for (const int fd : {STDOUT_FILENO, STDERR_FILENO})
        if (!is_open(fd)) ::posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, Heap::program().descriptor(), heap_fd);
    ::posix_spawn_file_actions_adddup2(&actions, program_lifeline(), lifeline_fd);
    if (daemon)
        ::posix_spawn_file_actions_adddup2(&actions, daemon_lifeline(), inherited_daemon_lifeline);
    ::posix_spawn_file_actions_addclosefrom_np(&actions,
                                               daemon ? after_ours : inherited_daemon_lifeline);

    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    sigset_t all, none;
    ::sigfillset(&all);
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);

    const std::string mark =
        fmt::format("PROCESSION_CHILD=heap={},life={},{}", heap_fd, lifeline_fd, role);
    std::vector<char*> environment;
    for (char** entry = ::environ; entry && *entry; ++entry)
        if (std::strncmp(*entry, "PROCESSION_CHILD=", 17) != 0) environment.push_back(*entry);
    environment.push_back(const_cast<char*>(mark.c_str()));
    environment.push_back(nullptr);
    char name[] = "procession";
    char* arguments[] = {name, nullptr};

    // Runs on the parent's memory until the exec, so its cost does not depend on the parent's size.
    pid_t pid = 0;
    const int error =
        ::posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, arguments, environment.data());
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
    if (error)
        os::throw_errno("Process", "posix_spawn(/proc/self/exe)",
                        "EAGAIN: raise RLIMIT_NPROC. ENOENT: is /proc mounted?", error);
    return {pid, os::pidfd_open(pid), true};
}

Launched launch_spawned(const LaunchOrder& order) {
    return run_own_file(fmt::format("launch={},record={},serial={},flags={}", order.launch,
                                    order.record, order.serial, order.flags),
                        order.flags & LaunchOrder::is_daemon);
}

Launched launch_served(const LaunchOrder& wanted) {
    LaunchOrder order = wanted;
    std::vector<int> descriptors;
    if (is_open(STDOUT_FILENO)) {
        order.flags |= LaunchOrder::has_stdout;
        descriptors.push_back(STDOUT_FILENO);
    }
    if (is_open(STDERR_FILENO)) {
        order.flags |= LaunchOrder::has_stderr;
        descriptors.push_back(STDERR_FILENO);
    }
    if (order.flags & LaunchOrder::is_daemon) descriptors.push_back(daemon_lifeline());

    Connection& server = connection();
    const std::lock_guard lock(server.mutex);
    if (server.pid != ::getpid()) server.socket.reset();
    server.pid = ::getpid();
    for (int attempt = 0;; ++attempt) {
        if (!server.socket) server.socket = connect_to_server();
        try {
            os::send_message(server.socket.get(), std::as_bytes(std::span(&order, 1)), descriptors);
            std::int32_t reply = 0;
            auto received =
                os::receive_message(server.socket.get(), std::as_writable_bytes(std::span(&reply, 1)), 1);
            if (received.size == sizeof reply) {
                if (reply < 0)
                    os::throw_errno("Process", "fork in the fork server", "Raise RLIMIT_NPROC.", -reply);
                return {reply, std::move(received.descriptors.at(0)), false};
            }
        } catch (const std::system_error& error) {
            if (error.code() != std::errc::broken_pipe && error.code() != std::errc::connection_reset)
                throw;
        }
        // The server died. A process that it may have made for us was not claimed and ends by itself.
        server.socket.reset();
        if (attempt == 3) throw StateError("fork server: it was killed again and again");
    }
}

}  // namespace procession::inline v0::detail
