// SPDX-License-Identifier: Apache-2.0
#include "process/unnamed_blocks.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <procession/error.hpp>

#include <charconv>
#include <chrono>
#include <map>
#include <optional>

#include "os/named_memory.hpp"
#include "os/process_life.hpp"
#include "os/self.hpp"
#include "process/finalize.hpp"
#include "process/fork_server.hpp"
#include "process/lifeline.hpp"
#include "process/program.hpp"
#include "process/takeover.hpp"

namespace procession::inline v0::detail {
namespace {

using heap::Heap;

constexpr int pid_bits = 22;  // PID_MAX_LIMIT of Linux is 2^22

std::uint64_t pack(const os::ProcessLife& life) {
    return life.start_time << pid_bits | static_cast<std::uint64_t>(life.pid);
}
os::ProcessLife root_life() {
    const std::uint64_t root = program_state().root.load();
    return {static_cast<pid_t>(root & ((1u << pid_bits) - 1)), root >> pid_bits};
}

std::string prefix_of_namespace(std::uint32_t pid_namespace) {
    return fmt::format("procession_{}_", pid_namespace);
}
std::string prefix() {
    const os::ProcessLife root = root_life();
    return fmt::format("{}{}_{}_", prefix_of_namespace(program_state().root_namespace), root.pid,
                       root.start_time);
}

/// Whose the rest of such a name says it is; none when it is nobody's that we know.
std::optional<os::ProcessLife> root_in(std::string_view text) {
    os::ProcessLife life{};
    const char* const end = text.data() + text.size();
    const auto pid = std::from_chars(text.data(), end, life.pid);
    if (pid.ec != std::errc() || pid.ptr == end || *pid.ptr != '_' || life.pid <= 0) return std::nullopt;
    const auto time = std::from_chars(pid.ptr + 1, end, life.start_time);
    if (time.ec != std::errc() || time.ptr == end || *time.ptr != '_') return std::nullopt;
    return life;
}

void unlink_all_of_program() {
    os::unlink_blocks(prefix(), [](std::string_view) { return true; });
}

// Takes the time that there are names to look at: so it is done again only after many times that.
void sweep_orphans() {
    using Clock = std::chrono::steady_clock;
    static std::atomic<Clock::rep> next{0};
    const auto begin = Clock::now().time_since_epoch();
    if (begin.count() < next.load()) return;
    const std::string ours = prefix_of_namespace(os::pid_namespace());
    std::map<std::uint64_t, bool> over;
    os::unlink_blocks(ours, [&](std::string_view name) {
        const auto life = root_in(name.substr(ours.size()));
        if (!life) return false;
        const auto [known, added] = over.try_emplace(pack(*life));
        if (added) known->second = os::is_over(*life);
        return known->second;
    });
    const auto end = Clock::now().time_since_epoch();
    next.store((end + 50 * (end - begin)).count());
}

}  // namespace

void become_root() {
    ProgramState& program = program_state();
    if (program.root.load() != 0) return;
    program.root_namespace.store(os::pid_namespace());
    std::uint64_t none = 0;
    program.root.compare_exchange_strong(none, pack(os::own_life()));
}

std::string prepare_unnamed_block() {
    program_lifeline();
    program_state().has_unnamed_blocks.store(1);
    shut_down_at_exit();
    // A process that begins was started by one that has seen to it; a server cleans up itself.
    if (!heap::child_mark() && !is_fork_server()) {
        try {
            if (!is_taken_over())
                throw StateError(
                    "this program does not begin with the library, which was loaded later. Call "
                    "procession::init(argc, argv) first in its main.");
            fork_server_for(os::credentials_fingerprint());
        } catch (const std::exception& error) {
            log_warning(
                "SharedMemory: there is no process that would unlink the unnamed blocks if this program "
                "were killed: {}",
                error.what());
        }
    }
    sweep_orphans();
    return prefix();
}

void unlink_unnamed_blocks_of_root() {
    const ProgramState& program = program_state();
    if (program.has_unnamed_blocks.load() && root_life() == os::own_life() &&
        program.root_namespace.load() == os::pid_namespace())
        unlink_all_of_program();
}

void unlink_unnamed_blocks_last() {
    const ProgramState& program = program_state();
    if (!program.has_unnamed_blocks.load()) return;
    // Several servers do not wait for each other.
    Heap::program().leave();
    const auto root_is_over = [&] {
        return program.root_namespace.load() != os::pid_namespace() || os::is_over(root_life());
    };
    // Their lifelines kill them just now. One that has none, a bare fork of the program's own making,
    // is not waited for much longer.
    const auto deadline = os::Deadline::after(std::chrono::seconds(1));
    while ((Heap::program().has_others() || !root_is_over()) && !deadline.expired())
        ::poll(nullptr, 0, 1);
    if (root_is_over()) unlink_all_of_program();
}

}  // namespace procession::inline v0::detail
