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

std::string prefix_of_namespace(std::uint32_t pid_namespace) {
    return fmt::format("procession_{}_", pid_namespace);
}
std::string prefix() {
    const ProgramRoot root = program_root();
    return fmt::format("{}{}_{}_", prefix_of_namespace(root.pid_namespace), root.life.pid,
                       root.life.start_time);
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
    std::map<std::pair<pid_t, std::uint64_t>, bool> over;
    os::unlink_blocks(ours, [&](std::string_view name) {
        const auto life = root_in(name.substr(ours.size()));
        if (!life) return false;
        const auto [known, added] = over.try_emplace({life->pid, life->start_time});
        if (added) known->second = os::is_over(*life);
        return known->second;
    });
    const auto end = Clock::now().time_since_epoch();
    next.store((end + 50 * (end - begin)).count());
}

}  // namespace

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
    if (program_state().has_unnamed_blocks.load() && program_root() == own_root())
        unlink_all_of_program();
}

void unlink_unnamed_blocks_last() {
    if (!program_state().has_unnamed_blocks.load()) return;
    // Several servers do not wait for each other.
    Heap::program().leave();
    // It has let go of the lifeline, but may still be on its way out.
    const ProgramRoot root = program_root();
    const auto root_is_over = [&] {
        return root.pid_namespace != os::pid_namespace() || os::is_over(root.life);
    };
    // Their lifelines kill them just now. One that has none, a bare fork of the program's own making,
    // is not waited for much longer.
    const auto deadline = os::Deadline::after(std::chrono::seconds(1));
    while ((Heap::program().has_others() || !root_is_over()) && !deadline.expired())
        ::poll(nullptr, 0, 1);
    if (root_is_over()) unlink_all_of_program();
}

}  // namespace procession::inline v0::detail
