// SPDX-License-Identifier: Apache-2.0
#include "managers/thread_line.hpp"

#include <fmt/format.h>
#include <pthread.h>
#include <procession/error.hpp>
#include <procession/process.hpp>

#include <utility>
#include <vector>

#include "managers/server_link.hpp"
#include "os/at_load.hpp"
#include "os/fork_count.hpp"
#include "os/fork_mutex.hpp"
#include "os/socket.hpp"
#include "os/thread_number.hpp"

namespace procession::inline v0::managers {
namespace {

/// All of this process.
struct OpenLines {
    os::ForkMutex mutex;  ///< guards what follows
    std::vector<ThreadLine*> lines;
};

// Never destroyed: proxies with static storage end after everything else.
OpenLines& open_lines() {
    static auto* const instance = [] {
        auto* const made = new OpenLines;
        ::pthread_atfork(nullptr, nullptr, [] {
            // The parent's connections are no others' to use, and are to end when the parent does.
            for (const ThreadLine* const each : open_lines().lines)
                if (each->line.fd() >= 0) os::leave_to_parent(each->line.fd());
            open_lines().lines.clear();
        });
        return made;
    }();
    return *instance;
}

PROCESSION_AT_LOAD void make_open_lines() { open_lines(); }

thread_local bool thread_has_ended = false;

}  // namespace

ThreadLine::ThreadLine(Line its) : line(std::move(its)) {
    const std::lock_guard lock(open_lines().mutex);
    open_lines().lines.push_back(this);
}

ThreadLine::~ThreadLine() {
    const std::lock_guard lock(open_lines().mutex);
    std::erase(open_lines().lines, this);
}

void ThreadLine::send(const Call& call) {
    encode(call, outgoing_);
    // The caller has the proxies among the arguments.
    outgoing_.attached.clear();
    if (outgoing_.bytes.size() > max_message)
        throw ValueError(
            fmt::format("Manager: a call of {} bytes is longer than the {} that the server "
                        "takes. Raise its ManagerOptions::max_message.",
                        outgoing_.bytes.size(), max_message));
    message.proxies.clear();
    message.bytes.swap(outgoing_.bytes);
    line.send(message);
    message.bytes.swap(outgoing_.bytes);
}

void ThreadLine::say_goodbye() noexcept {
    try {
        send({.method = "goodbye"});
    } catch (const std::exception&) {
        // Who is gone needs none.
    }
}

ThreadLines* ThreadLines::current() {
    if (thread_has_ended) return nullptr;
    static thread_local ThreadLines lines;
    if (lines.made_at_ != os::fork_count()) {
        lines.made_at_ = os::fork_count();
        // What goes with them may ask for this thread's.
        const auto of_parent = std::exchange(lines.entries, {});
    }
    return &lines;
}

std::string ThreadLines::name() {
    const std::string process = current_process().name();
    return os::thread_number() == 1 ? process
                                    : fmt::format("{}|Thread-{}", process, os::thread_number());
}

ThreadLines::~ThreadLines() {
    thread_has_ended = true;
    for (auto& [number, entry] : entries)
        if (const auto link = entry.link.lock()) link->leave(std::move(entry.line));
}

}  // namespace procession::inline v0::managers
