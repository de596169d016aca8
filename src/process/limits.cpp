// SPDX-License-Identifier: Apache-2.0
#include "process/limits.hpp"

#include <fmt/format.h>
#include <sys/resource.h>
#include <procession/error.hpp>

#include <algorithm>
#include <limits>
#include <string>

#include "heap/heap.hpp"
#include "os/error.hpp"

namespace procession::inline v0::detail {
namespace {

// Who handles SIGXCPU has this long to come to an end. With both limits the same, the kernel would send
// SIGKILL at once, which does not tell why.
constexpr rlim_t grace_seconds = 5;

template <class T>
void check(std::string_view what, const char* name, const std::optional<T>& value, T least) {
    if (value && *value < least)
        throw ValueError(
            fmt::format("{}: Limits::{} is {}. Give at least {}, or leave it out for no limit.", what,
                        name, *value, least));
}

rlim_t saturating_add(rlim_t a, rlim_t b) {
    return a > std::numeric_limits<rlim_t>::max() - b ? RLIM_INFINITY : a + b;
}

template <class Resource>
void lower(Resource resource, const char* name, rlim_t soft, rlim_t hard) {
    rlimit now{};
    const std::string call = fmt::format("setrlimit({})", name);
    os::checked(::getrlimit(resource, &now), "Limits", call);
    const rlimit wanted{std::min(soft, now.rlim_cur), std::min(hard, now.rlim_max)};
    os::checked(::setrlimit(resource, &wanted), "Limits", call);
}

}  // namespace

void check_limits(const Limits& limits, std::string_view what) {
    check<std::size_t>(what, "memory", limits.memory, 1);
    check<int>(what, "open_files", limits.open_files, 1);
    check<std::size_t>(what, "data", limits.data, 1);
    check<std::size_t>(what, "resident", limits.resident, 1);
    if (limits.cpu) check<std::chrono::seconds::rep>(what, "cpu", limits.cpu->count(), 1);
}

void apply_limits(const Limits& limits) {
    if (limits.memory) {
        const rlim_t bytes = saturating_add(*limits.memory, heap::Heap::program().header().size);
        lower(RLIMIT_AS, "RLIMIT_AS", bytes, bytes);
    }
    if (limits.data) lower(RLIMIT_DATA, "RLIMIT_DATA", *limits.data, *limits.data);
    if (limits.cpu) {
        const auto seconds = static_cast<rlim_t>(limits.cpu->count());
        lower(RLIMIT_CPU, "RLIMIT_CPU", seconds, saturating_add(seconds, grace_seconds));
    }
    if (limits.open_files) {
        const auto count = static_cast<rlim_t>(*limits.open_files);
        lower(RLIMIT_NOFILE, "RLIMIT_NOFILE", count, count);
    }
    if (limits.nice)
        os::checked(::setpriority(PRIO_PROCESS, 0, ::getpriority(PRIO_PROCESS, 0) + limits.nice),
                    "Limits", "setpriority",
                    "EACCES: a nice value below the parent's needs CAP_SYS_NICE.");
}

}  // namespace procession::inline v0::detail
