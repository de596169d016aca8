// SPDX-License-Identifier: Apache-2.0
#include <procession/process.hpp>

#include <cxxabi.h>
#include <fmt/format.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <ostream>

#include "heap/bequest.hpp"
#include "log/log.hpp"
#include "os/error.hpp"
#include "os/futex.hpp"
#include "process/lifeline.hpp"
#include "process/limits.hpp"
#include "process/spare.hpp"
#include "process/state.hpp"
#include "process/takeover.hpp"

namespace procession::inline v0 {
namespace {

using detail::ProcessState;
using detail::Stage;
using heap::Heap;

std::string short_type_name(const std::type_info& type) {
    int failed = 0;
    char* readable = abi::__cxa_demangle(type.name(), nullptr, nullptr, &failed);
    std::string name = failed == 0 ? readable : type.name();
    std::free(readable);
    const auto scope = name.rfind("::");
    return scope == name.npos ? name : name.substr(scope + 2);
}

std::string next_identity() {
    auto& parent = detail::record_of(detail::current_record());
    const std::uint32_t number = parent.children.fetch_add(1) + 1;
    return parent.identity[0] ? fmt::format("{}:{}", parent.identity, number) : std::to_string(number);
}

std::string state_of(const Process& process) {
    if (!process.pid()) return "initial";
    const ExitCode code = process.exitcode();
    if (!code.has_value()) return "started";
    if (*code == 0) return "stopped";
    if (*code > 0) return fmt::format("stopped[{}]", *code);
    const char* name = ::sigabbrev_np(-*code);
    return name ? fmt::format("stopped[SIG{}]", name) : fmt::format("stopped[{}]", *code);
}

void check_own(const ProcessState& state, const char* what) {
    if (state.closed)
        throw ValueError(
            fmt::format("Process(\"{}\")::{}: the process object is closed", state.name, what));
}

void check_started(const ProcessState& state, const char* what) {
    check_own(state, what);
    if (!state.started())
        throw StateError(
            fmt::format("Process(\"{}\")::{}: it is not started; call start() first", state.name, what));
}

void send_signal(ProcessState& state, const char* what, int signal) {
    check_started(state, what);
    if (!wait_for_end(state, os::Deadline::now())) os::pidfd_send_signal(state.pidfd.get(), signal);
}

// A forked child waits until it has what was left to it, also where that fails.
class BequestAwaited {
  public:
    BequestAwaited(detail::ProcessRecord& child, StartMethod method) : child_(child), method_(method) {}
    BequestAwaited(BequestAwaited&&) = delete;
    ~BequestAwaited() {
        if (method_ != StartMethod::fork) return;
        child_.handed_over = 1;
        os::futex_wake(child_.handed_over, INT_MAX);
    }

  private:
    detail::ProcessRecord& child_;
    const StartMethod method_;
};

}  // namespace

namespace detail {
ProcessState& internals_of(const Process& process) { return process.state(); }
ProcessState& internals_of(const ProcessHandle& process) { return *process.state_; }
}  // namespace detail

// ---------------------------------------------------------------- making one

Process::Process() : Process(ProcessOptions{}) {}

Process::Process(ProcessOptions options) : state_(std::make_shared<ProcessState>()) {
    // Called for its being linked: with it comes what lets children begin.
    static const bool linked = (detail::take_over(), true);
    static_cast<void>(linked);
    detail::check_limits(options.limits, "Process");
    state_->creator = ::getpid();
    state_->authkey = detail::current_authkey();
    state_->name = std::move(options.name);
    state_->limits = options.limits;
    state_->method = options.start_method.value_or(get_start_method());
    state_->daemon =
        options.daemon.value_or(detail::record_of(detail::current_record()).daemon.load() != 0);
}

Process::Process(Process&&) noexcept = default;
Process& Process::operator=(Process&&) noexcept = default;
Process::~Process() = default;

ProcessState& Process::state() const {
    if (!state_) throw StateError("Process: it was moved from");
    return *state_;
}

void Process::set_target(std::unique_ptr<detail::Target> target) {
    target_ = std::move(target);
    name();
}

void Process::run() {
    if (target_) target_->run();
}

void Process::continue_as_current() {
    const detail::ProcessRecord& record = detail::record_of(detail::current_record());
    state().name = detail::name_of(record);
    state().identity = record.identity;
    state().daemon = record.daemon.load() != 0;
}

std::string Process::name() const {
    ProcessState& mine = state();
    if (mine.identity.empty()) {
        mine.identity = next_identity();
        if (mine.name.empty())
            mine.name = fmt::format("{}-{}", short_type_name(typeid(*this)), mine.identity);
    }
    return mine.name;
}

void Process::set_name(std::string name) {
    ProcessState& mine = state();
    this->name();
    if (mine.record) detail::set_name(detail::record_of(*mine.record), name);
    mine.name = std::move(name);
}

bool Process::daemon() const { return state().daemon; }

void Process::set_daemon(bool daemon) {
    if (state().started())
        throw StateError(fmt::format("Process(\"{}\")::set_daemon: it is started already", name()));
    state().daemon = daemon;
}

// ---------------------------------------------------------------- starting it

void Process::start() {
    ProcessState& mine = state();
    check_own(mine, "start");
    if (mine.started())
        throw StateError(fmt::format("Process(\"{}\")::start: it was started already", name()));
    if (mine.creator != ::getpid())
        throw StateError(
            fmt::format("Process(\"{}\")::start: it was created by process {}, which alone can start it",
                        name(), mine.creator));
    if (!detail::has_main_begun())
        throw StateError(
            fmt::format("Process(\"{}\")::start: static initialisation starts it, before main: a child "
                        "would start it again. Start it in main.",
                        name()));
    if (heap::child_mark())
        throw StateError(
            "Process::start: this process was to be a child of the program and ran main "
            "instead. Call procession::init(argc, argv) first in main.");
    detail::program_lifeline();

    // A spare wakes up while its order is being written.
    std::optional<detail::ClaimedSpare> spare;
    if (mine.method == StartMethod::forkserver) spare.emplace();
    const detail::Handle record = detail::make_record(name(), mine.identity, mine.daemon);
    detail::Launch launch{.log = detail::log_state(),
                          .method = mine.method,
                          .limits = mine.limits,
                          .processors = mine.processors,
                          .memory_group = mine.memory_group ? mine.memory_group->folder() : "",
                          .parent = detail::current_record().offset(),
                          .authkey = mine.authkey.bytes()};
    detail::record_of(record).parent = launch.parent;
    const BequestAwaited awaited(detail::record_of(record), mine.method);
    detail::Buffer arguments;
    detail::Launched child = [&] {
        if (mine.method == StartMethod::fork) {
            if (target_) target_->refer(arguments);
            return detail::launch_forked(*this, record, launch, arguments.references(), mine.stderr_fd);
        }
        NativeWriter writer(arguments);
        const detail::FunctionEntry* entry = write_subclass(writer);
        if (!entry && target_) entry = &target_->write(writer);
        if (!entry)
            throw SerializationError(
                fmt::format("Process(\"{}\"): its class can only be forked: nothing says how another "
                            "process makes it. "
                            "Derive it from procession::Subclass<{}>.",
                            name(), short_type_name(typeid(*this))));
        launch.inherited = os::Inherited::capture();
        const detail::LaunchOrder order =
            detail::write_launch(record, *entry, std::move(launch), arguments);
        if (mine.method == StartMethod::spawn) return detail::launch_spawned(order, mine.stderr_fd);
        for (;;) {
            if (auto started = spare->order(order, mine.stderr_fd)) return std::move(*started);
            spare.emplace();  // that one was killed
        }
    }();
    Heap& heap = Heap::program();
    if (takes_note_of_given(heap, arguments.references()) &&
        !await_begin(detail::record_of(record), child))
        note_given(heap, arguments.references(), false);
    detail::record_of(record).pid = child.pid;
    {
        const std::lock_guard lock(mine.mutex);
        mine.pidfd = std::move(child.pidfd);
        mine.own = child.own;
        mine.record = record;
    }
    arguments.leave_along();
    leave_to(detail::record_of(record));
    detail::add_child(state_);
}

// Arguments, and members of a Subclass, that belong to one process at a time are the child's from now on.
void Process::leave_to(detail::ProcessRecord& child) {
    const heap::Bequest bequest(child.participant);
    target_.reset();
    if (state().method != StartMethod::fork || !heap::Bequest::is_there_any()) return;
    detail::Buffer members;
    NativeWriter writer(members);
    write_subclass(writer);
    members.leave_along();
}

// ---------------------------------------------------------------- following it

bool Process::join(Timeout timeout) {
    check_started(state(), "join");
    return wait_for_end(state(), os::Deadline::after(timeout));
}

bool Process::is_alive() const {
    check_own(state(), "is_alive");
    return state().started() && !wait_for_end(state(), os::Deadline::now());
}

void Process::terminate() { send_signal(state(), "terminate", SIGTERM); }
void Process::kill() { send_signal(state(), "kill", SIGKILL); }
void Process::interrupt() { send_signal(state(), "interrupt", SIGINT); }

void Process::close() {
    ProcessState& mine = state();
    if (mine.closed) return;
    if (mine.started() && !wait_for_end(mine, os::Deadline::now()))
        throw ValueError(
            fmt::format("Process(\"{}\")::close: it is still running; join() it first", name()));
    const std::lock_guard lock(mine.mutex);
    mine.closed = true;
    mine.pidfd.reset();
    mine.record.reset();
}

ExitCode Process::exitcode() const {
    ProcessState& mine = state();
    check_own(mine, "exitcode");
    if (!mine.started() || !wait_for_end(mine, os::Deadline::now())) return {};
    return mine.code;
}

std::optional<int> Process::pid() const {
    if (!state().started()) return std::nullopt;
    return detail::record_of(*state().record).pid.load();
}

int Process::sentinel() const {
    if (!state().started() || state().closed)
        throw ValueError(fmt::format(
            "Process(\"{}\")::sentinel: there is none before start() or after close()", name()));
    return state().pidfd.get();
}

ProcessHandle Process::handle() const {
    check_started(state(), "handle");
    return ProcessHandle(state_);
}

std::string Process::to_string() const {
    if (state().closed) return fmt::format("<{}({}, closed)>", short_type_name(typeid(*this)), name());
    return fmt::format("<{}({}, {}{})>", short_type_name(typeid(*this)), name(), state_of(*this),
                       daemon() ? ", daemon" : "");
}

std::ostream& operator<<(std::ostream& out, const Process& process) {
    return out << process.to_string();
}

std::string to_string(const ExitCode& code) { return code.has_value() ? std::to_string(*code) : "None"; }
std::ostream& operator<<(std::ostream& out, const ExitCode& code) { return out << to_string(code); }

// ---------------------------------------------------------------- handles

std::string ProcessHandle::name() const {
    return state_->closed ? state_->name : detail::name_of(detail::record_of(*state_->record));
}
int ProcessHandle::pid() const { return detail::record_of(*state_->record).pid; }
bool ProcessHandle::daemon() const { return detail::record_of(*state_->record).daemon != 0; }
int ProcessHandle::sentinel() const { return state_->pidfd.get(); }
bool ProcessHandle::is_alive() const { return !join(std::chrono::seconds(0)); }
bool ProcessHandle::join(Timeout timeout) const {
    return wait_for_end(*state_, os::Deadline::after(timeout));
}
ExitCode ProcessHandle::exitcode() const { return is_alive() ? ExitCode() : state_->code; }
void ProcessHandle::terminate() const { send_signal(*state_, "terminate", SIGTERM); }
void ProcessHandle::kill() const { send_signal(*state_, "kill", SIGKILL); }
AuthKey ProcessHandle::authkey() const {
    return pid() == ::getpid() ? detail::current_authkey() : state_->authkey;
}
void ProcessHandle::set_authkey(AuthKey key) {
    if (pid() != ::getpid())
        throw StateError("ProcessHandle::set_authkey: only the current process sets its own");
    detail::set_current_authkey(std::move(key));
}
void ProcessHandle::set_name(std::string name) {
    if (pid() != ::getpid())
        throw StateError("ProcessHandle::set_name: only the current process renames itself");
    detail::set_name(detail::record_of(*state_->record), name);
}

}  // namespace procession::inline v0
