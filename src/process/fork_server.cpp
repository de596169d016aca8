// SPDX-License-Identifier: Apache-2.0

// The fork server: a fresh run of the program's own file that has one thread and little memory, so a
// copy of it is cheap and safe whatever the program is. It is the real parent of every process that
// is started through it, at any depth: it reaps them, and writes into their records how they ended.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <climits>
#include <deque>
#include <vector>

#include "os/error.hpp"
#include "os/futex.hpp"
#include "os/socket.hpp"
#include "process/launch.hpp"
#include "process/lifeline.hpp"

namespace procession::inline v0::detail {
namespace {

using heap::Heap;

constexpr std::size_t spares_wanted = 2;

/// A child forked ahead: it waits at the other end of the socket to be told what to become.
struct Spare {
    int pid;
    os::Descriptor pidfd;
    os::Descriptor socket;
};

struct Served {
    os::Descriptor pidfd;
    std::uint64_t record;
};

// A spare's life: it ends by itself when the server is gone before it was needed.
[[noreturn]] void wait_for_order(int socket) {
    LaunchOrder order{};
    auto received = os::receive_message(socket, std::as_writable_bytes(std::span(&order, 1)), 3);
    if (received.size != sizeof order) ::_exit(0);
    std::size_t next = 0;
    const auto take = [&](std::uint32_t flag, int target) {
        if (!(order.flags & flag))
            ::close(target);
        else
            os::checked(::dup2(received.descriptors.at(next++).get(), target), "Process", "dup2");
    };
    take(LaunchOrder::has_stdout, STDOUT_FILENO);
    take(LaunchOrder::has_stderr, STDERR_FILENO);
    if (order.flags & LaunchOrder::is_daemon) hang_on(received.descriptors.at(next).get());
    received.descriptors.clear();
    ::close(socket);
    run_child(order);
}

class Server {
  public:
    Server() : listener_(os::listen_abstract(Heap::program().header().program.server_name)) {}

    [[noreturn]] void serve() {
        heap::ProgramState& program = Heap::program().header().program;
        program.server.store(Heap::program().self());
        os::futex_wake(program.server, INT_MAX);
        for (;;) {
            std::vector<pollfd> entries;
            const auto watch = [&](int fd) { entries.push_back({fd, POLLIN, 0}); };
            watch(program_lifeline());
            watch(listener_.get());
            for (const auto& requester : requesters_) watch(requester.get());
            for (const Served& child : served_) watch(child.pidfd.get());
            // Forking ahead is for when there is nothing else to do.
            const bool idle = spares_.size() >= spares_wanted;
            const int ready = ::poll(entries.data(), entries.size(), idle ? -1 : 0);
            if (ready < 0 && errno != EINTR) os::throw_errno("fork server", "poll");
            if (ready <= 0) {
                if (!idle) add_spare();
                continue;
            }
            if (entries[0].revents) ::_exit(0);
            const std::size_t requesters = requesters_.size();
            for (std::size_t i = served_.size(); i-- > 0;)
                if (entries[2 + requesters + i].revents) reap(i);
            for (std::size_t i = requesters; i-- > 0;)
                if (entries[2 + i].revents && !answer(requesters_[i].get()))
                    requesters_.erase(requesters_.begin() + static_cast<std::ptrdiff_t>(i));
            if (entries[1].revents) accept();
        }
    }

  private:
    void accept() {
        os::Descriptor socket = os::accept_connection(listener_.get());
        if (os::peer_user(socket.get()) == ::geteuid()) requesters_.push_back(std::move(socket));
    }

    void add_spare() {
        auto [ours, theirs] = os::make_socketpair();
        const pid_t pid = ::fork();
        if (pid == 0) {
            // Of the server's descriptors a child keeps none.
            const int socket = theirs.release();
            ours.reset();
            listener_.reset();
            requesters_.clear();
            served_.clear();
            spares_.clear();
            ::prctl(PR_SET_NAME, "procession");
            hang_on(program_lifeline());
            wait_for_order(socket);
        }
        if (pid < 0) os::throw_errno("fork server", "fork", "Raise RLIMIT_NPROC.");
        spares_.push_back({pid, os::pidfd_open(pid), std::move(ours)});
    }

    bool answer(int socket) try {
        // Before the order's descriptors are here, which the spare would keep.
        if (spares_.empty()) add_spare();
        LaunchOrder order{};
        auto received = os::receive_message(socket, std::as_writable_bytes(std::span(&order, 1)), 3);
        if (received.size != sizeof order) return false;
        Heap& heap = Heap::program();
        if (!is_alive(heap, order.record, order.serial)) return false;
        Spare spare = std::move(spares_.front());
        spares_.pop_front();
        std::vector<int> descriptors;
        for (const auto& each : received.descriptors) descriptors.push_back(each.get());
        // Held before anybody knows of the process: the record outlives a requester that is killed.
        hold(heap, order.record, heap.self());
        record_at(order.record).reaper = heap.self();
        os::send_message(spare.socket.get(), std::as_bytes(std::span(&order, 1)), descriptors);
        const std::int32_t reply = spare.pid;
        const int pidfd = spare.pidfd.get();
        served_.push_back({std::move(spare.pidfd), order.record});
        os::send_message(socket, std::as_bytes(std::span(&reply, 1)), std::span(&pidfd, 1));
        return true;
    } catch (const std::system_error& error) {
        const std::int32_t reply = -error.code().value();
        try {
            os::send_message(socket, std::as_bytes(std::span(&reply, 1)));
        } catch (const std::system_error&) {
            return false;
        }
        return true;
    }

    void reap(std::size_t index) {
        const auto status = os::reap(served_[index].pidfd.get());
        if (!status) return;
        const std::uint64_t record = served_[index].record;
        record_end(record_at(record), status->code);
        drop(Heap::program(), record, Heap::program().self());
        served_.erase(served_.begin() + static_cast<std::ptrdiff_t>(index));
    }

    os::Descriptor listener_;
    std::vector<os::Descriptor> requesters_;
    std::vector<Served> served_;
    std::deque<Spare> spares_;
};

}  // namespace

void run_fork_server() {
    ::prctl(PR_SET_NAME, "procession-fs");
    // Ctrl-C belongs to the program. Blocked and not ignored: one that is meant for a child waits until
    // the child has its own mask.
    sigset_t interrupt;
    ::sigemptyset(&interrupt);
    ::sigaddset(&interrupt, SIGINT);
    ::sigprocmask(SIG_BLOCK, &interrupt, nullptr);
    Server().serve();
}

}  // namespace procession::inline v0::detail
