// SPDX-License-Identifier: Apache-2.0
#include "process/ending.hpp"

#include <signal.h>

#include <algorithm>
#include <mutex>

#include "os/cgroup.hpp"
#include "process/state.hpp"

namespace procession::inline v0::detail {
namespace {

// The kernel's count up to which its kills have been found to be deaths of our processes.
struct Explained {
    std::mutex mutex;
    std::uint64_t kills = 0;
};
Explained& explained() {
    static auto* const instance = new Explained;
    return *instance;
}

OutOfMemory look_at_count(std::optional<std::uint64_t> before) {
    const auto now = os::oom_kills();
    if (!before || !now) return OutOfMemory::unknown;
    const std::lock_guard lock(explained().mutex);
    std::uint64_t& known = explained().kills;
    if (*now <= std::max(*before, known)) return OutOfMemory::no;
    known = std::max(*before, known) + 1;
    return OutOfMemory::likely;
}

OutOfMemory why_killed(const ProcessState& state) {
    if (state.memory_group)
        if (const auto kills = state.memory_group->oom_kills())
            return *kills > 0 ? OutOfMemory::yes : OutOfMemory::no;
    return look_at_count(state.oom_kills_before);
}

}  // namespace

Ending ending_of(ProcessState& state) {
    if (!state.started() || !wait_for_end(state, os::Deadline::now())) return {};
    const std::lock_guard lock(state.mutex);
    if (!state.ending) {
        const ExitCode code = state.code;
        state.ending = Ending{code, record_of(*state.record).peak_rss.load(),
                              code == -SIGKILL ? why_killed(state) : OutOfMemory::no};
    }
    return *state.ending;
}

}  // namespace procession::inline v0::detail
