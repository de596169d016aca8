// SPDX-License-Identifier: Apache-2.0

// A process's way from its first instruction in our hands to its last.

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <climits>
#include <cstdio>
#include <functional>
#include <iostream>
#include <thread>

#include "heap/bequest.hpp"
#include "log/log.hpp"
#include "os/cgroup.hpp"
#include "os/error.hpp"
#include "os/futex.hpp"
#include "os/processors.hpp"
#include "os/throw_site.hpp"
#include "process/finalize.hpp"
#include "process/launch.hpp"
#include "process/lifeline.hpp"
#include "process/limits.hpp"
#include "process/state.hpp"
#include "process/stderr_tail.hpp"
#include "process/traceback.hpp"

// Where the build has them: what they know must be written before _exit.
extern "C" __attribute__((weak)) void __gcov_dump();
extern "C" __attribute__((weak)) void __lsan_do_leak_check();

namespace procession::inline v0::detail {
namespace {

using heap::Heap;

bool in_child = false;
bool parent_had_threads = false;
ProcessRecord* own_record = nullptr;
heap::Offset launched_record = 0;  ///< whose launch message is still there
std::thread::id main_thread;

void flush_output() {
    std::cout.flush();
    std::cerr.flush();
    std::fflush(nullptr);
}

// The first handler that the child registers, so the last of its own to run: what was registered
// before belongs to the parent, or to the program's image, and must not run here.
void leave_for_good(int status, void*) {
    flush_output();
    if (__gcov_dump) __gcov_dump();
    // What threads of a forked parent own has no owner here, and would look leaked.
    if (__lsan_do_leak_check && !parent_had_threads) __lsan_do_leak_check();
    // Now nothing can go wrong any more: whoever joins need not wait for what our real parent sees.
    Heap::program().note_own_end(status);
    note_peak(*own_record);
    note_end(*own_record, status & 0xff);
    ::_exit(status);
}

// In one write, so that the reports of several processes do not mix.
void report_exception(const os::ThrowSite& site) {
    const std::string report = fmt::format("Process {}:\n{}", current_process().name(), traceback(site));
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, report.data(), report.size());
}

void run_and_exit(const std::function<void()>& body) {
    log_info("child process calling self.run()");
    int status = 0;
    os::ThrowSite site;
    try {
        os::note_throw_site(site, body);
    } catch (const ExitRequest& request) {
        status = request.status;
    } catch (...) {
        report_exception(site);
        status = 1;
    }
    shut_down();
    log_info("process exiting with exitcode {}", status);
    std::exit(status);
}

// What it may use and where it runs is settled before any of the user's code. Where the system refuses,
// that is the process's error, which it reports as any other.
void confine(const Launch& launch) {
    apply_limits(launch.limits);
    if (!launch.memory_group.empty())
        if (const std::string why = os::join_group(launch.memory_group); !why.empty())
            log_warning("control group: its limit of memory is not in force: {}", why);
    if (!launch.processors.empty()) os::use_processors(launch.processors);
}

// This process is what the record says, and takes part in what it was given.
void become_child(const Handle& handle, const Launch& launch, std::span<const heap::Offset> given) {
    ProcessRecord& record = record_of(handle);
    in_child = true;
    main_thread = std::this_thread::get_id();
    own_record = &record;
    become(record);
    if (launch.method == StartMethod::spawn) note_spawner_peak(record);
    note_given(Heap::program(), given, true);
    if (record.stage.exchange(Stage::begun) == Stage::made) os::futex_wake(record.stage, INT_MAX);
    set_current_record(handle);
    inherit_start_method(launch.method);
    ::on_exit(leave_for_good, nullptr);
}

// Reads from its launch message what this process is to be, and puts it on.
Launch take_up(NativeReader& reader, const os::Inherited& now) {
    auto launch = load_value<Launch>(reader);
    launch.inherited.apply(now);
    apply_log_state(launch.log);
    set_current_authkey(AuthKey(launch.authkey));
    return launch;
}

// What the parent moved here is this process's only once it was left to it: before that, the end of a pipe
// that is closed at once would be left to a process that has it no more.
void await_bequest(const ProcessRecord& record) {
    const heap::ParticipantId parent = record_at(record.parent).participant;
    while (record.handed_over.load() == 0 && !Heap::program().is_dead(parent))
        os::futex_wait(record.handed_over, 0,
                       os::Deadline::never().sooner(std::chrono::milliseconds(20)));
}

void rehearsed(NativeReader&) { arguments_are_read(); }

}  // namespace

bool is_child_process() { return in_child; }

void arguments_are_read() {
    if (launched_record) free_launch(std::exchange(launched_record, 0));
}

void run_child(const LaunchOrder& order, const os::Inherited& now) {
    Heap& heap = Heap::program();
    heap.self();
    // Of a spawned one the creator may have died, and all this with it.
    if (!is_alive(heap, order.record, order.serial)) ::_exit(0);
    const Handle record = Handle::attach(order.record);
    if (!is_alive(heap, order.record, order.serial)) ::_exit(0);
    launched_record = order.record;
    NativeReader reader(message_bytes(heap, order.launch));
    const Launch launch = take_up(reader, now);
    const Handle parent = Handle::attach(launch.parent);
    become_child(record, launch, message_references(heap, order.launch));
    run_and_exit([&] {
        confine(launch);
        find_entry(launch.entry)(reader);
    });
    ::_exit(255);
}

void rehearse(const os::Inherited& now) {
    Heap& heap = Heap::program();
    const Handle record = make_record("rehearsal", "", false),
                 parent = make_record("rehearsal", "", false);
    const auto& entry = entry_of<&rehearsed>;
    Launch launch;
    launch.inherited = now;
    launch.log = log_state();
    launch.parent = parent.offset();
    const LaunchOrder order = write_launch(record, entry, std::move(launch), Buffer());
    launched_record = order.record;
    NativeReader reader(message_bytes(heap, order.launch));
    find_entry(take_up(reader, now).entry)(reader);
    flush_output();
}

void run_forked(Process& process, const Handle& record, std::uint64_t serial, bool with_threads,
                const Launch& launch, std::span<const heap::Offset> given) {
    forget_children_after_fork();
    forget_finalizers_after_fork();
    forget_stderr_tails_after_fork();
    parent_had_threads = with_threads;
    Heap& heap = Heap::program();
    heap.self();
    // The creator may have died, and the records with it.
    if (!is_alive(heap, record.offset(), serial)) ::_exit(0);
    os::checked(::dup2(os::Descriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)).get(), STDIN_FILENO),
                "Process", "dup2(/dev/null)");
    set_current_authkey(AuthKey(launch.authkey));
    const bool inherits = heap::Bequest::is_there_any();
    become_child(record, launch, given);
    if (inherits) await_bequest(record_of(record));
    run_and_exit([&] {
        confine(launch);
        process.run();
    });
    ::_exit(255);
}

}  // namespace procession::inline v0::detail

namespace procession::inline v0 {

void exit(int status) {
    if (detail::in_child && std::this_thread::get_id() == detail::main_thread) throw ExitRequest{status};
    std::exit(status);
}

}  // namespace procession::inline v0
