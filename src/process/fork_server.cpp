// SPDX-License-Identifier: Apache-2.0

// The fork server: a fresh run of the program's own file that has one thread and little memory, so a
// copy of it is cheap and safe whatever the program is. It is the real parent of every process that
// is started through it, at any depth: it reaps them, and writes into their records how they ended.

#include "process/fork_server.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstring>
#include <functional>
#include <mutex>
#include <unordered_map>

#include "heap/object.hpp"
#include "heap/waiting.hpp"
#include "os/error.hpp"
#include "os/fork_mutex.hpp"
#include "os/pidfd.hpp"
#include "os/self.hpp"
#include "process/lifeline.hpp"
#include "process/parking.hpp"
#include "process/preload.hpp"
#include "process/program.hpp"
#include "process/unnamed_blocks.hpp"

namespace procession::inline v0::detail {
namespace {

using heap::Heap;

// ---------------------------------------------------------------- starting one

bool runs(const ServerState& server) {
    const heap::ParticipantId participant = server.participant.load();
    return participant != 0 && !Heap::program().is_dead(participant);
}

// The servers that this process started: to be reaped when they have ended.
struct Started {
    os::ForkMutex mutex;
    std::vector<os::Descriptor> servers;
};
Started& started() {
    static auto* const instance = new Started;
    return *instance;
}

// With the servers' lock held.
void start_fork_server(ServerState& server, std::uint64_t credentials) {
    if (const auto dead = server.participant.exchange(0)) {
        log_warning(
            "fork server: the process that cleans up died; another one is started. What the program "
            "leaves in /dev/shm would stay if it were killed meanwhile.");
        bury(Heap::program(), dead);
    }
    server.credentials.store(credentials);
    std::ranges::copy(os::hard_limits(), server.limits.begin());
    server.trouble[0] = '\0';
    const auto index = static_cast<std::size_t>(&server - program_state().servers);
    Launched process = run_own_file(fmt::format("server={}", index), false, STDERR_FILENO);
    const auto deadline = os::Deadline::after(std::chrono::seconds(60));
    while (server.participant.load() == 0) {
        os::futex_wait(server.participant, 0, deadline.sooner(std::chrono::milliseconds(20)));
        if (server.participant.load() == 0 &&
            os::wait_readable(process.pidfd.get(), os::Deadline::now())) {
            const auto status = os::reap_quietly(process.pidfd.get());
            if (server.trouble[0]) throw StateError(fmt::format("fork server: {}", server.trouble));
            throw_did_not_begin("fork server", status ? status->code : 255);
        }
        if (deadline.expired()) throw TimeoutError("fork server: it was not ready within 60 s");
    }
    reap_fork_servers();
    const std::lock_guard lock(started().mutex);
    started().servers.push_back(process.pidfd.duplicate(os::out_of_the_way));
}

// One that a process with less started would make processes with less.
bool allows_as_much(const ServerState& server, const os::HardLimits& ours) {
    return std::equal(ours.begin(), ours.end(), server.limits.begin(), std::less_equal());
}

ServerState* find_server(std::uint64_t credentials) {
    const os::HardLimits ours = os::hard_limits();
    for (ServerState& server : program_state().servers)
        if (server.credentials.load() == credentials && runs(server) && allows_as_much(server, ours))
            return &server;
    return nullptr;
}

}  // namespace

void reap_fork_servers() {
    const std::lock_guard lock(started().mutex);
    std::erase_if(started().servers, [](const os::Descriptor& each) {
        if (!os::wait_readable(each.get(), os::Deadline::now())) return false;
        os::reap_quietly(each.get());
        return true;
    });
}

ServerState& fork_server_for(std::uint64_t credentials) {
    if (ServerState* const found = find_server(credentials)) return *found;
    heap::Operation operation(Heap::program());
    ProgramState& program = program_state();
    const heap::Guard guard(operation, program.servers_lock, heap::Recovery::none);
    if (ServerState* const found = find_server(credentials)) return *found;
    const auto place = std::find_if_not(std::begin(program.servers), std::end(program.servers), runs);
    if (place == std::end(program.servers))
        throw StateError(
            fmt::format("fork server: {} of them run already, each with other credentials. Use "
                        "StartMethod::spawn.",
                        std::size(program.servers)));
    start_fork_server(*place, credentials);
    return *place;
}

// ---------------------------------------------------------------- being one

namespace {

pid_t server_pid = 0;

class Server {
  public:
    explicit Server(ServerState& state) : state_(state), me_(Heap::program().self()) {
        sigset_t mask;
        ::sigemptyset(&mask);
        ::sigaddset(&mask, SIGCHLD);
        ended_ = os::Descriptor::above_stdio(
            os::checked(::signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK), "fork server", "signalfd"));
        bell_ = os::Descriptor::above_stdio(
            os::checked(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "fork server", "eventfd"));
        parking_.address().copy(state_.parking, sizeof state_.parking);
    }

    [[noreturn]] void serve() {
        state_.participant.store(me_);
        // Of one that died, or that another process started when the one that was at it died. Their end
        // tells that server, too, that it is to go.
        dismiss_spares(state_);
        os::futex_wake(state_.participant, INT_MAX);
        for (;;) {
            const bool retired = state_.participant.load() != me_;
            if (retired && children_.empty() && parking_.is_empty() &&
                !program_state().has_unnamed_blocks.load())
                ::_exit(0);
            pollfd entries[] = {{program_lifeline(), POLLIN, 0},
                                {ended_.get(), POLLIN, 0},
                                {bell_.get(), POLLIN, 0},
                                {parking_.fd(), POLLIN, 0}};
            const int until_spare = patience(retired), until_look = parking_.patience();
            const bool spare_is_next = until_look < 0 || (until_spare >= 0 && until_spare <= until_look);
            const int ready =
                ::poll(entries, std::size(entries), spare_is_next ? until_spare : until_look);
            if (ready < 0 && errno != EINTR) os::throw_errno("fork server", "poll");
            if (ready == 0 && spare_is_next) add_spare();
            parking_.close_abandoned();
            if (ready <= 0) continue;
            if (entries[3].revents) parking_.answer_orders();
            if (entries[0].revents) {
                unlink_unnamed_blocks_last();
                ::_exit(0);
            }
            if (entries[2].revents) answer_bell();
            if (entries[1].revents) reap();
        }
    }

  private:
    /// A process of ours: a spare, until its entry is passed on; then what its record says.
    struct Child {
        Spare* spare;
        std::uint64_t record = 0;
    };

    /// How long to wait for something else to do before a spare is forked, in milliseconds; -1: none is
    /// wanted.
    int patience(bool retired) const {
        if (retired || spares() >= ServerState::spares_wanted) return -1;
        // A fork that failed is tried again.
        if (again_) return 20;
        // At once when they run low; else it would take the processor from those who have just begun.
        return spares() > ServerState::spares_low ? 2 : 0;
    }

    std::ptrdiff_t spares() const {
        return std::count_if(children_.begin(), children_.end(),
                             [](const auto& each) { return each.second.spare; });
    }

    void add_spare() {
        const auto free = std::find_if(
            std::begin(state_.spares), std::end(state_.spares),
            [&](const Spare& each) { return reusable(Heap::program(), each) && !in_use(each); });
        // None while claimants are at work on them all: looked at again soon.
        again_ =
            free == std::end(state_.spares) || !free->move(free->state.load(), Phase::preparing, me_);
        if (again_) return;
        free->participant.store(0);
        free->server.store(me_);
        warn_of_threads();
        const pid_t pid = ::fork();
        if (pid == 0) {
            ended_.reset();
            parking_.leave();
            be_spare(state_, *free, me_, bell_.release(), now_);
        }
        if (pid < 0) {
            const int error = errno;
            free->state.store(Spare::pack(Phase::none, 0));
            return fail(error);
        }
        children_.emplace(pid, Child{free});
    }

    void fail(int error) {
        again_ = true;
        state_.error.store(error);
        state_.failures.fetch_add(1);
        notify_all(state_.changed);
    }

    bool in_use(const Spare& spare) const {
        return std::any_of(children_.begin(), children_.end(),
                           [&](const auto& each) { return each.second.spare == &spare; });
    }

    // Of an entry that is ours: that of a spare that was sent home may be another server's by now.
    std::uint64_t state_of(const Spare& spare) const {
        const std::uint64_t state = spare.state.load();
        const bool prepares = Spare::phase_of(state) == Phase::preparing;
        const bool ours = (prepares ? Spare::mover_of(state) : spare.server.load()) == me_;
        return ours ? state : Spare::pack(Phase::none, 0);
    }

    void answer_bell() {
        eventfd_t rings;
        ::eventfd_read(bell_.get(), &rings);
        for (auto& [pid, child] : children_)
            if (child.spare && Spare::phase_of(state_of(*child.spare)) == Phase::taken) pass_on(child);
    }

    // It is a process now, and its entry free for another spare.
    void pass_on(Child& child) {
        child.record = child.spare->order.record;
        child.spare->state.store(Spare::pack(Phase::none, 0));
        child.spare = nullptr;
    }

    void reap() {
        signalfd_siginfo pending;
        while (::read(ended_.get(), &pending, sizeof pending) > 0) {
        }
        while (const auto ended = os::reap_any()) {
            const auto found = children_.find(ended->pid);
            if (found == children_.end()) continue;
            Child child = found->second;
            children_.erase(found);
            if (child.spare) settle(child, ended->status.code);
            if (!child.record) continue;
            record_end(record_at(child.record), ended->status);
            drop(Heap::program(), child.record, me_);
        }
    }

    // It ended before its entry was passed on.
    void settle(Child& child, int code) {
        Spare& spare = *child.spare;
        const heap::ParticipantId participant = spare.participant.load();
        for (;;) {
            const std::uint64_t state = state_of(spare);
            const Phase phase = Spare::phase_of(state);
            if (phase == Phase::taken) {
                pass_on(child);
                break;
            }
            if (phase == Phase::ordered) child.record = record_of_order(spare.order);
            // Not killed, but ended by itself: something keeps it from beginning, and would the next
            // one.
            if (phase == Phase::preparing && code >= 0) fail(ECHILD);
            const bool claimed = phase == Phase::claimed;
            if (phase == Phase::none || phase == Phase::lost ||
                spare.move(state, claimed ? Phase::lost : Phase::none,
                           claimed ? Spare::mover_of(state) : 0))
                break;
        }
        bury(Heap::program(), participant);
    }

    // Held for us, which the spare had not yet done. Its claimant holds it, unless that died too.
    std::uint64_t record_of_order(const LaunchOrder& order) const {
        Heap& heap = Heap::program();
        if (!is_alive(heap, order.record, order.serial)) return 0;
        hold(heap, order.record, me_);
        if (is_alive(heap, order.record, order.serial)) return order.record;
        drop(heap, order.record, me_);
        return 0;
    }

    void warn_of_threads() {
        if (warned_ || os::thread_count() == 1) return;
        warned_ = true;
        log_warning(
            "fork server: {} threads were started while the program was loaded (a static object, or "
            "what set_forkserver_preload runs); what they hold stays locked in every process",
            os::thread_count() - 1);
    }

    ServerState& state_;
    heap::ParticipantId me_;
    os::Inherited now_ = os::Inherited::capture();
    os::Descriptor ended_, bell_;
    ParkingLot parking_;
    std::unordered_map<pid_t, Child> children_;
    bool again_ = false;
    bool warned_ = false;
};

}  // namespace

bool is_fork_server() { return server_pid == ::getpid(); }

void run_fork_server(std::size_t index) {
    server_pid = ::getpid();
    ::prctl(PR_SET_NAME, "procession-fs");
    // Orphans of its children are its own to reap.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    // What its first requester is limited to is not what it, or another requester, may use.
    os::raise_limits();
    // What a terminal or a service manager sends to all belongs to the program, which is to be cleaned
    // up after. Blocked and not ignored: one that is meant for a child waits until the child has its own
    // mask.
    sigset_t mask;
    ::sigemptyset(&mask);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD}) ::sigaddset(&mask, signal);
    ::sigprocmask(SIG_BLOCK, &mask, nullptr);
    ServerState& state = program_state().servers[index];
    try {
        run_preload();
    } catch (const std::exception& error) {
        const std::string text =
            fmt::format("what set_forkserver_preload runs has thrown: {}", error.what());
        std::strncpy(state.trouble, text.c_str(), sizeof state.trouble - 1);
        ::_exit(1);
    }
    Server server(state);
    // Its children then find bound and in place what all of them use.
    prepare(state, os::Inherited::capture());
    server.serve();
}

}  // namespace procession::inline v0::detail
