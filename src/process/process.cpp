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

#include "log/log.hpp"
#include "os/error.hpp"
#include "os/futex.hpp"
#include "process/launch.hpp"
#include "process/lifeline.hpp"
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

// What stdio holds would be written by the child as well.
void flush_before_fork() {
    std::cout.flush();
    std::fflush(nullptr);
}

void check_own(const ProcessState& state, const char* what) {
    if (state.closed)
        throw ValueError(fmt::format("Process(\"{}\")::{}: the process object is closed", state.name, what));
}

void check_started(const ProcessState& state, const char* what) {
    check_own(state, what);
    if (!state.started())
        throw StateError(fmt::format("Process(\"{}\")::{}: it is not started; call start() first",
                                     state.name, what));
}

void send_signal(ProcessState& state, const char* what, int signal) {
    check_started(state, what);
    if (!wait_for_end(state, os::Deadline::after(std::chrono::seconds(0))))
        os::pidfd_send_signal(state.pidfd.get(), signal);
}

int count_threads() {
    std::FILE* file = std::fopen("/proc/self/stat", "re");
    if (!file) return 1;
    int threads = 1;
    char text[512];
    if (std::fgets(text, sizeof text, file)) {
        const char* rest = ::strrchr(text, ')');
        // The 20th field; the 3rd follows the command's name.
        for (int at = 2; rest && at < 20; ++at) rest = ::strchr(rest + 1, ' ');
        if (rest) threads = std::atoi(rest);
    }
    std::fclose(file);
    return threads;
}

}  // namespace

// ---------------------------------------------------------------- making one

Process::Process() : Process(ProcessOptions{}) {}

Process::Process(ProcessOptions options) : state_(std::make_shared<ProcessState>()) {
    // Called for its being linked: with it comes what lets children begin.
    static const bool linked = (detail::take_over(), true);
    static_cast<void>(linked);
    state_->creator = ::getpid();
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

std::string Process::name() const {
    ProcessState& mine = state();
    if (mine.identity.empty()) {
        mine.identity = next_identity();
        if (mine.name.empty()) mine.name = fmt::format("{}-{}", short_type_name(typeid(*this)), mine.identity);
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
    if (mine.started()) throw StateError(fmt::format("Process(\"{}\")::start: it was started already", name()));
    if (mine.creator != ::getpid())
        throw StateError(fmt::format("Process(\"{}\")::start: it was created by process {}, which alone can start it",
                                     name(), mine.creator));
    if (std::getenv("PROCESSION_CHILD"))
        throw StateError("Process::start: this process was to be a child of the program and ran main "
                         "instead. Call procession::init(argc, argv) first in main.");
    const detail::Handle record = detail::make_record(name(), mine.identity, mine.daemon);
    detail::ProcessRecord& shared = detail::record_of(record);
    shared.parent = detail::current_record().offset();
    detail::program_lifeline();

    detail::Launched child{0, os::Descriptor(), true};
    heap::Offset message = 0;
    if (mine.method == StartMethod::fork) {
        if (count_threads() > 1)
            detail::log_warning("fork in a process with threads: what they hold stays locked in the "
                                "child; use StartMethod::forkserver");
        flush_before_fork();
        const int daemon_line = mine.daemon ? detail::daemon_lifeline() : -1;
        os::Descriptor line = daemon_line < 0 ? os::Descriptor() : os::Descriptor(::dup(daemon_line));
        const pid_t pid = ::fork();
        if (pid == 0) {
            if (line) detail::hang_on(line.get());
            line.reset();
            detail::run_forked(*this, record, mine.limits);
        }
        os::checked(pid, fmt::format("Process(\"{}\")", name()), "fork", "EAGAIN: raise RLIMIT_NPROC.");
        child = {pid, os::pidfd_open(pid), true};
    } else {
        detail::Buffer arguments;
        NativeWriter writer(arguments);
        const detail::FunctionEntry* entry = write_subclass(writer);
        if (!entry && target_) entry = &target_->write(writer);
        if (!entry)
            throw SerializationError(fmt::format(
                "Process(\"{}\"): a class that derives from Process itself can only be forked. Derive "
                "from procession::Subclass<{}>.", name(), short_type_name(typeid(*this))));
        message = detail::write_launch(record, detail::name_of(*entry), get_start_method(), mine.limits,
                                       arguments);
        const detail::LaunchOrder order{message, record.offset(),
                                        Heap::program().at<heap::ObjectHeader>(record.offset())->serial,
                                        mine.daemon ? detail::LaunchOrder::is_daemon : 0};
        try {
            child = mine.method == StartMethod::spawn ? detail::launch_spawned(order)
                                                      : detail::launch_served(order);
        } catch (...) {
            Heap::program().free(message);
            throw;
        }
        give(Heap::program(), message, record.offset());
    }
    shared.pid = child.pid;
    shared.start_time = os::process_start_time(child.pid);
    // From here on it runs, whatever becomes of this process.
    std::uint32_t made = Stage::made;
    if (shared.stage.compare_exchange_strong(made, Stage::claimed)) os::futex_wake(shared.stage, 1);
    {
        const std::lock_guard lock(mine.mutex);
        mine.pidfd = std::move(child.pidfd);
        mine.own = child.own;
        mine.record = record;
    }
    target_.reset();
    detail::add_child(state_);
}

// ---------------------------------------------------------------- following it

bool Process::join(Timeout timeout) {
    check_started(state(), "join");
    return wait_for_end(state(), os::Deadline::after(timeout));
}

bool Process::is_alive() const {
    check_own(state(), "is_alive");
    return state().started() && !wait_for_end(state(), os::Deadline::after(std::chrono::seconds(0)));
}

void Process::terminate() { send_signal(state(), "terminate", SIGTERM); }
void Process::kill() { send_signal(state(), "kill", SIGKILL); }
void Process::interrupt() { send_signal(state(), "interrupt", SIGINT); }

void Process::close() {
    ProcessState& mine = state();
    if (mine.closed) return;
    if (mine.started() && !wait_for_end(mine, os::Deadline::after(std::chrono::seconds(0))))
        throw ValueError(fmt::format("Process(\"{}\")::close: it is still running; join() it first", name()));
    const std::lock_guard lock(mine.mutex);
    mine.closed = true;
    mine.pidfd.reset();
    mine.record.reset();
}

ExitCode Process::exitcode() const {
    ProcessState& mine = state();
    check_own(mine, "exitcode");
    if (!mine.started() || !wait_for_end(mine, os::Deadline::after(std::chrono::seconds(0)))) return {};
    return mine.code;
}

std::optional<int> Process::pid() const {
    if (!state().started()) return std::nullopt;
    return detail::record_of(*state().record).pid.load();
}

int Process::sentinel() const {
    if (!state().started() || state().closed)
        throw ValueError(fmt::format("Process(\"{}\")::sentinel: there is none before start() or after close()", name()));
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

std::ostream& operator<<(std::ostream& out, const Process& process) { return out << process.to_string(); }

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
void ProcessHandle::set_name(std::string name) {
    if (pid() != ::getpid()) throw StateError("ProcessHandle::set_name: only the current process renames itself");
    detail::set_name(detail::record_of(*state_->record), name);
}

}  // namespace procession::inline v0
