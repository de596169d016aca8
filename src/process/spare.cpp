// SPDX-License-Identifier: Apache-2.0
#include "process/spare.hpp"

#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "heap/object.hpp"
#include "heap/waiting.hpp"
#include "os/error.hpp"
#include "os/self.hpp"
#include "os/socket.hpp"
#include "process/fork_server.hpp"
#include "process/lifeline.hpp"

namespace procession::inline v0::detail {

using heap::Heap;

bool reusable(const Heap& heap, const Spare& spare) {
    const std::uint64_t state = spare.state.load();
    const heap::ParticipantId mover = Spare::mover_of(state);
    switch (Spare::phase_of(state)) {
        case Phase::none: return true;
        case Phase::preparing: return heap.is_dead(mover);
        case Phase::ready: return false;
        case Phase::claimed: return heap.is_dead(mover) && heap.is_dead(spare.participant);
        // Its server still has to look at it.
        case Phase::ordered: return heap.is_dead(spare.server) && heap.is_dead(spare.participant);
        case Phase::taken: return heap.is_dead(spare.server);
        case Phase::lost: return heap.is_dead(mover);
    }
    return false;
}

void dismiss_spares(ServerState& server) {
    for (Spare& spare : server.spares) {
        const std::uint64_t state = spare.state.load();
        if (Spare::phase_of(state) == Phase::ready && spare.move(state, Phase::none, 0))
            notify(spare.changed);
    }
}

namespace {

// Sends home one that dismiss_spares did not find: its server was told to go while it got ready, or while
// somebody had it. `state` is the caller's own move.
bool dismiss_late(ServerState& server, Spare& spare, std::uint64_t state) {
    if (server.participant.load() == spare.server || !spare.move(state, Phase::none, 0)) return false;
    notify(spare.changed);
    return true;
}

}  // namespace

// ---------------------------------------------------------------- in the process that starts another

ClaimedSpare::ClaimedSpare() : operation_(Heap::program()) {
    // It wakes up while we look whether it is one for us, which it nearly always is: the last one was.
    static std::atomic<ServerState*> last{nullptr};
    ServerState* server = last.load();
    if (server) try_claim(*server);
    const std::uint64_t credentials = os::credentials_fingerprint();
    if (spare_ && server->credentials.load() == credentials &&
        !operation_.heap().is_dead(spare_->server))
        return;
    give_back();
    while (!spare_) {
        server = &fork_server_for(credentials);
        wait_for_claim(*server);
        last.store(server);
    }
}

// Returns without one when the server died.
void ClaimedSpare::wait_for_claim(ServerState& server) {
    const heap::ParticipantId participant = server.participant.load();
    const std::uint32_t failures = server.failures.load();
    bool died = false;
    const auto ready = [&] {
        // One failure more may have been under way when we came.
        return try_claim(server) || server.failures.load() > failures + 1 ||
               (died = operation_.heap().is_dead(participant));
    };
    wait(operation_, server.changed, ready, os::Deadline::never());
    if (!spare_ && !died)
        os::throw_errno(
            "Process", "fork in the fork server",
            "EAGAIN: raise RLIMIT_NPROC. ECHILD: it ended before it was ready; stderr says why.",
            server.error.load());
}

bool ClaimedSpare::try_claim(ServerState& server) {
    for (Spare& spare : server.spares) {
        const std::uint64_t state = spare.state.load();
        if (Spare::phase_of(state) != Phase::ready) continue;
        operation_.owes(spare.changed);
        if (!spare.move(state, Phase::claimed, operation_.self())) continue;
        PROCESSION_KILL_POINT("spare.claimed");
        if (dismiss_late(server, spare, Spare::pack(Phase::claimed, operation_.self()))) continue;
        server_ = &server;
        spare_ = &spare;
        try {
            pidfd_ = os::pidfd_open(spare.pid);
        } catch (const std::system_error& error) {
            if (error.code() != std::errc::no_such_process) {
                give_back();
                throw;
            }
        }
        // What we opened is the spare as long as that lives.
        if (pidfd_ && !operation_.heap().is_dead(spare.participant)) {
            // It wakes up while the order is being written.
            notify(spare.changed);
            return true;
        }
        spare_ = nullptr;
        spare.state.store(Spare::pack(Phase::none, 0));
    }
    operation_.settled();
    return false;
}

void ClaimedSpare::give_back() {
    if (!spare_) return;
    Spare& spare = *std::exchange(spare_, nullptr);
    const std::uint64_t ready = Spare::pack(Phase::ready, spare.participant);
    if (!spare.move(Spare::pack(Phase::claimed, operation_.self()), Phase::ready, spare.participant))
        spare.state.store(Spare::pack(Phase::none, 0));  // lost
    else if (!dismiss_late(*server_, spare, ready))
        notify(spare.changed);
}

std::optional<Launched> ClaimedSpare::order(LaunchOrder order, int stderr_fd) {
    Heap& heap = operation_.heap();
    const heap::ParticipantId child = spare_->participant;
    try {
        send_descriptors(order, stderr_fd);
    } catch (const std::system_error&) {
        if (heap.is_dead(child)) return std::nullopt;
        throw;
    }
    ProcessRecord& record = record_at(order.record);
    record.pid = spare_->pid.load();
    record.participant = child;
    record.reaper = spare_->server.load();
    hold(heap, order.record, child);
    PROCESSION_KILL_POINT("spare.held");
    spare_->order = order;
    PROCESSION_KILL_POINT("spare.order_written");
    // Where it is dead it may have been buried before we held the record in its name.
    if (heap.is_dead(child) || !spare_->move(Spare::pack(Phase::claimed, operation_.self()),
                                             Phase::ordered, operation_.self())) {
        drop(heap, order.record, child);
        return std::nullopt;
    }
    Spare& spare = *std::exchange(spare_, nullptr);
    PROCESSION_KILL_POINT("spare.ordered");
    notify(spare.changed);
    operation_.settled();
    return Launched{record.pid, std::move(pidfd_), false};
}

void ClaimedSpare::send_descriptors(LaunchOrder& order, int stderr_fd) const {
    std::vector<int> descriptors;
    const auto add = [&](int fd, std::uint32_t flag) {
        order.flags |= flag;
        descriptors.push_back(fd);
    };
    const bool is_daemon = order.flags & LaunchOrder::is_daemon;
    if (os::is_open(STDOUT_FILENO)) add(STDOUT_FILENO, LaunchOrder::has_stdout);
    if (os::is_open(stderr_fd)) add(stderr_fd, LaunchOrder::has_stderr);
    if (is_daemon) add(daemon_lifeline(), LaunchOrder::is_daemon);
    // Most programs write where their server does: then there is nothing to be sent.
    order.descriptors_sent = is_daemon || stderr_fd != STDERR_FILENO ||
                             !std::all_of(descriptors.begin(), descriptors.end(),
                                          [&](int fd) { return os::is_shared_with(spare_->pid, fd); });
    if (!order.descriptors_sent) return;
    const std::string_view address(spare_->address, ::strnlen(spare_->address, sizeof spare_->address));
    const os::Descriptor socket = os::connect_abstract(address);
    if (os::peer_user(socket.get()) != ::geteuid())
        throw StateError("Process: the socket of the process to be belongs to another user");
    os::send_message(socket.get(), std::as_bytes(std::span(&order.serial, 1)), descriptors);
}

// ---------------------------------------------------------------- in the spare

namespace {

// Waits for an order; ends where there will be none.
void wait_for_order(Spare& spare) {
    heap::Operation operation(Heap::program());
    const std::uint64_t ready = Spare::pack(Phase::ready, operation.self());
    for (std::uint64_t seen = ready;;) {
        const bool idle = seen == ready;
        // A claimant is about to order: it is not worth while to fall asleep.
        if (!idle) os::spin(std::chrono::microseconds(100), [&] { return spare.state.load() != seen; });
        wait(
            operation, spare.changed, [&] { return spare.state.load() != seen; },
            idle ? os::Deadline::never() : os::Deadline::after(std::chrono::milliseconds(20)));
        seen = spare.state.load();
        if (seen == ready) continue;
        // It was sent home, and all that happens to the entry since is about another one.
        if (spare.participant.load() != operation.self()) ::_exit(0);
        if (Spare::phase_of(seen) == Phase::ordered) return;
        // The order may have come just before its author's death.
        if (Spare::phase_of(seen) == Phase::claimed &&
            (!operation.heap().is_dead(Spare::mover_of(seen)) || spare.state.load() != seen))
            continue;
        ::_exit(0);
    }
}

// Takes what came along with the order, from whoever is entitled to send it.
std::vector<os::Descriptor> take_descriptors(int listener, const LaunchOrder& order) {
    for (;;) {
        const os::Descriptor socket = os::accept_connection(listener);
        if (os::peer_user(socket.get()) != ::geteuid()) continue;
        std::uint64_t serial = 0;
        auto received =
            os::receive_message(socket.get(), std::as_writable_bytes(std::span(&serial, 1)), 3);
        if (received.size == sizeof serial && serial == order.serial)
            return std::move(received.descriptors);
    }
}

void put_on(const LaunchOrder& order, const std::vector<os::Descriptor>& descriptors) {
    std::size_t next = 0;
    const auto take = [&](std::uint32_t flag, int target) {
        if (!(order.flags & flag))
            ::close(target);
        else if (order.descriptors_sent)
            os::checked(::dup2(descriptors.at(next++).get(), target), "Process", "dup2");
    };
    take(LaunchOrder::has_stdout, STDOUT_FILENO);
    take(LaunchOrder::has_stderr, STDERR_FILENO);
    if (order.flags & LaunchOrder::is_daemon) hang_on(descriptors.at(next).get());
}

// The server looks after its spares when one of its children ends, as this one may soon; it is called at
// once only when they run low, since it would run beside those who have just begun.
void ring_if_low(const ServerState& server, int bell) {
    const auto left = std::count_if(
        std::begin(server.spares), std::end(server.spares),
        [](const Spare& each) { return Spare::phase_of(each.state.load()) == Phase::ready; });
    if (left <= ServerState::spares_low) ::eventfd_write(bell, 1);
    ::close(bell);
}

}  // namespace

std::pair<os::Descriptor, std::string> prepare(ServerState& server, const os::Inherited& now) {
    rehearse(now);
    heap::Operation operation(Heap::program());
    wait(
        operation, server.changed, [] { return false; }, os::Deadline::now());
    return os::listen_abstract();
}

void be_spare(ServerState& server, Spare& spare, heap::ParticipantId maker, int bell,
              const os::Inherited& now) {
    Heap& heap = Heap::program();
    ::prctl(PR_SET_NAME, "procession");
    hang_on(program_lifeline());
    const heap::ParticipantId me = heap.self();
    auto [listener, address] = prepare(server, now);
    std::memcpy(spare.address, address.data(), std::min(address.size(), sizeof spare.address));
    spare.participant = me;
    spare.pid = ::getpid();
    PROCESSION_KILL_POINT("spare.prepared");
    if (!spare.move(Spare::pack(Phase::preparing, maker), Phase::ready, me)) ::_exit(0);
    if (dismiss_late(server, spare, Spare::pack(Phase::ready, me))) ::_exit(0);
    notify_all(server.changed);

    wait_for_order(spare);
    const LaunchOrder order = spare.order;
    hold(heap, order.record, maker);
    if (heap.is_dead(maker)) drop(heap, order.record, maker);
    PROCESSION_KILL_POINT("spare.held_for_server");
    spare.state.store(Spare::pack(Phase::taken, me));
    ring_if_low(server, bell);
    put_on(order, order.descriptors_sent ? take_descriptors(listener.get(), order)
                                         : std::vector<os::Descriptor>());
    listener.reset();
    run_child(order, now);
}

}  // namespace procession::inline v0::detail
