// SPDX-License-Identifier: Apache-2.0

// What a process knows of the others: those it started, itself, and the one that started it.

#include <unistd.h>

#include <algorithm>
#include <iterator>

#include "heap/heap.hpp"
#include "log/log.hpp"
#include "os/at_load.hpp"
#include "os/fork_mutex.hpp"
#include "os/futex.hpp"
#include "os/spin.hpp"
#include "process/finalize.hpp"
#include "process/fork_server.hpp"
#include "process/state.hpp"

namespace procession::inline v0::detail {
namespace {

constexpr int unknown_code = 255;  // as CPython says when nobody knows

struct Children {
    os::ForkMutex mutex;
    std::vector<std::shared_ptr<ProcessState>> started;
    std::size_t next_sweep = 1;
};
Children& registry() {
    static auto* const instance = new Children;
    return *instance;
}

// What is left to ask when whoever reaped it does not tell.
int code_nobody_saw(const ProcessState& state) {
    return os::exit_code_of(state.pidfd.get()).value_or(unknown_code);
}

// With the pidfd readable: itself, or who reaped it or will, knows how it ended.
int find_code(ProcessState& state) {
    ProcessRecord& record = record_of(*state.record);
    if (state.own) {
        // None where the program reaps by itself, or ignores SIGCHLD.
        const auto status = os::reap_ended(state.pidfd.get());
        if (status)
            record_end(record, *status);
        else
            record_end(record, record.stage.load() == Stage::ended ? record.code.load()
                                                                   : code_nobody_saw(state));
    }
    for (std::uint32_t stage = record.stage.load(); stage != Stage::ended; stage = record.stage.load()) {
        if (heap::Heap::program().is_dead(record.reaper) && record.stage.load() != Stage::ended)
            record_end(record, code_nobody_saw(state));
        else
            os::futex_wait(record.stage, stage,
                           os::Deadline::never().sooner(std::chrono::milliseconds(20)));
    }
    return record.code.load();
}

// One that is on its way out already is not worth falling asleep for.
bool wait_for_death(const ProcessState& state, const os::Deadline& deadline) {
    const int pidfd = state.pidfd.get();
    const ProcessRecord& record = record_of(*state.record);
    const auto dead = [pidfd] { return os::wait_readable(pidfd, os::Deadline::now()); };
    const auto leaving = [&] { return record.stage.load() == Stage::ended || deadline.expired(); };
    if (dead()) return true;
    using std::chrono::microseconds;
    if (os::spin(microseconds(50), leaving) &&
        os::spin(microseconds(100), [&] { return dead() || deadline.expired(); }))
        return dead();
    return os::wait_readable(pidfd, deadline);
}

std::shared_ptr<ProcessState> state_for(const Handle& handle) {
    auto state = std::make_shared<ProcessState>();
    const ProcessRecord& record = record_of(handle);
    state->name = name_of(record);
    state->record = handle;
    state->daemon = record.daemon != 0;
    state->authkey = current_authkey();  // a parent's is the one that we inherited
    try {
        state->pidfd = os::pidfd_open(record.pid);
        // The pid may be another process's by now.
        if (heap::Heap::program().is_dead(record.participant)) state->pidfd.reset();
    } catch (const std::system_error&) {
        state->pidfd.reset();
    }
    return state;
}

// Who waits for what a child was given may wait for one that died before it could read that.
PROCESSION_AT_LOAD void look_for_those_that_never_began() {
    heap::set_on_look_for_dead([] {
        const std::unique_lock lock(registry().mutex, std::try_to_lock);
        if (!lock) return;
        for (const auto& child : registry().started)
            if (child->own && !child->closed && child->creator == ::getpid() &&
                has_launch(record_of(*child->record)))
                wait_for_end(*child, os::Deadline::now());
    });
}

}  // namespace

bool wait_for_end(ProcessState& state, const os::Deadline& deadline) {
    if (state.code.has_value()) return true;
    if (state.pidfd && !wait_for_death(state, deadline)) return false;
    const std::lock_guard lock(state.mutex);
    if (!state.code.has_value()) state.code = ExitCode(find_code(state));
    return true;
}

namespace {

// With the lock held, without which they are to be let go.
std::vector<std::shared_ptr<ProcessState>> take_ended() {
    auto& started = registry().started;
    const auto ended = std::stable_partition(started.begin(), started.end(), [](const auto& each) {
        return !each->closed && each->creator == ::getpid() && !wait_for_end(*each, os::Deadline::now());
    });
    std::vector<std::shared_ptr<ProcessState>> taken(std::make_move_iterator(ended),
                                                     std::make_move_iterator(started.end()));
    started.erase(ended, started.end());
    return taken;
}

}  // namespace

void add_child(std::shared_ptr<ProcessState> state) {
    shut_down_at_exit();
    std::vector<std::shared_ptr<ProcessState>> ended;
    const std::lock_guard lock(registry().mutex);
    auto& [mutex, started, next_sweep] = registry();
    // Those that have ended are let go, but not looked for at every start: that would be quadratic.
    if (started.size() >= next_sweep) {
        ended = take_ended();
        next_sweep = 2 * started.size() + 1;
    }
    started.push_back(std::move(state));
}

std::vector<std::shared_ptr<ProcessState>> children() {
    reap_fork_servers();
    std::vector<std::shared_ptr<ProcessState>> ended;
    const std::lock_guard lock(registry().mutex);
    ended = take_ended();
    return registry().started;
}

void forget_children_after_fork() { registry().started.clear(); }

void end_children() {
    for (const auto& child : children()) {
        if (!child->daemon) continue;
        log_info("calling terminate() for daemon {}", child->name);
        os::pidfd_send_signal(child->pidfd.get(), SIGTERM);
    }
    for (const auto& child : children()) {
        log_info("calling join() for process {}", child->name);
        wait_for_end(*child, os::Deadline::never());
    }
}

}  // namespace procession::inline v0::detail

namespace procession::inline v0 {

std::vector<ProcessHandle> active_children() {
    std::vector<ProcessHandle> handles;
    for (auto& child : detail::children()) handles.emplace_back(std::move(child));
    return handles;
}

ProcessHandle current_process() { return ProcessHandle(detail::state_for(detail::current_record())); }

std::optional<ProcessHandle> parent_process() {
    const heap::Offset parent = detail::record_of(detail::current_record()).parent;
    if (!parent) return std::nullopt;
    return ProcessHandle(detail::state_for(detail::Handle::attach(parent)));
}

}  // namespace procession::inline v0
