// SPDX-License-Identifier: Apache-2.0

// Who has a seat: how a worker begins, and what is said of how it ended.

#include <fmt/format.h>
#include <string.h>

#include <cstring>

#include "os/process_memory.hpp"
#include "pool/engine.hpp"
#include "process/ending.hpp"
#include "process/state.hpp"

namespace procession::inline v0::pool {
namespace {

using heap::Offset;

constexpr std::size_t lines_kept = 10;
// What a worker wrote is passed on for no longer than that, where our own stderr does not take it.
constexpr std::chrono::milliseconds forward_limit(100);

std::string manner_of(const ExitCode& code) {
    if (!code.has_value()) return "is gone";
    if (*code >= 0) return fmt::format("ended with exit code {}", *code);
    const char* const name = ::sigabbrev_np(-*code);
    return name ? fmt::format("was killed by SIG{}", name)
                : fmt::format("was killed by signal {}", -*code);
}

}  // namespace

// ---------------------------------------------------------------- beginning

void Engine::add_seats(std::uint32_t count) {
    if (count > PoolBody::seats_at_most)
        throw ValueError(fmt::format("{}: {} workers are asked for; there can be {} at most", kind_.name,
                                     count, PoolBody::seats_at_most));
    std::uint32_t there = body_.seat_count.load();
    while (members_.size() < count) members_.emplace_back();
    for (; there < count; there += PoolBody::seats_in_block) {
        const std::uint32_t index = there / PoolBody::seats_in_block;
        if (body_.seats[index].load() != 0) continue;
        constexpr std::size_t size = PoolBody::seats_in_block * sizeof(Seat);
        const Offset block = heap_.allocate(size + heap::cache_line, heap::Use::control);
        const Offset aligned = (block + heap::cache_line - 1) & ~Offset{heap::cache_line - 1};
        std::memset(heap_.at<std::byte>(aligned), 0, size);
        give(heap_, block, handle_.offset());
        body_.seats[index].store(aligned, std::memory_order_release);
    }
    if (body_.seat_count.load() < count) body_.seat_count.store(count, std::memory_order_release);
}

void Engine::start_worker(std::uint32_t index) {
    Seat& seat = body_.seat(heap_, index);
    seat.state = Seat::starting;
    seat.worker = 0;
    seat.stop = 0;
    seat.listens = 0;
    auto stderr_tail = std::make_unique<detail::StderrTail>();
    std::string name;
    {
        const Lock lock(mutex_);
        Member& member = members_[index];
        name = fmt::format("PoolWorker-{}", ++names_);
        member = Member{.state = Member::starting,
                        .is_reserve = member.is_reserve,
                        .name = name,
                        .tasks_before = seat.done.load()};
        seat.is_reserve = member.is_reserve;
        // What the one before had is settled.
        member.claim = seat.claim.number.load();
        member.received = UINT32_MAX;
    }
    const WorkerOrders orders{index, options_.maxtasksperchild, signal_mask_,
                              detail::processor_sharers() * static_cast<int>(wanted_)};
    Process process(ProcessOptions{.name = name,
                                   .daemon = true,
                                   .start_method = options_.start_method,
                                   .limits = options_.limits},
                    work_for, handle_, orders, options_.initializer);
    detail::ProcessState& state = detail::internals_of(process);
    state.processors = places_.of(index);
    state.stderr_fd = stderr_tail->writer();
    state.oom_kills_before = os::oom_kills();
    state.memory_group = make_memory_group();
    process.start();
    stderr_tail->close_writer();
    const Lock lock(mutex_);
    Member& member = members_[index];
    member.state = Member::working;
    member.pid = process.pid().value_or(0);
    member.since = std::chrono::steady_clock::now();
    member.process.emplace(std::move(process));
    member.stderr_tail = std::move(stderr_tail);
    if (state_ == State::terminated) {
        member.reason = Reason::terminated;
        member.next_signal = os::Deadline::now();
    }
}

// Where groups are not delegated, the supervisor looks how much each has.
std::shared_ptr<os::MemoryGroup> Engine::make_memory_group() {
    if (!options_.limits.resident) return nullptr;
    os::MemoryGroup::Made made = os::MemoryGroup::make(*options_.limits.resident);
    const Lock lock(mutex_);
    if (made.group) {
        resident_enforced_by_ = "cgroup";
        return std::make_shared<os::MemoryGroup>(std::move(*made.group));
    }
    resident_enforced_by_ = "watcher: " + made.trouble;
    watches_memory_ = true;
    return nullptr;
}

// ---------------------------------------------------------------- what they write

void Engine::forward(detail::StderrTail& tail) const {
    tail.forward(os::Deadline::now().sooner(forward_limit));
}

// What its own children still write comes through as well.
void Engine::keep_open(Member& member) {
    if (member.stderr_tail && member.stderr_tail->fd() >= 0)
        left_open_.push_back(std::move(member.stderr_tail));
}

// ---------------------------------------------------------------- having ended

std::exception_ptr Engine::death_of(Member& member, const std::string& task, const std::string& what) {
    const detail::Ending ending = ending_of(detail::internals_of(*member.process));
    if (member.stderr_tail) forward(*member.stderr_tail);
    std::string text = fmt::format("{}: {} (pid {}) {} {}", kind_.name, member.name, member.pid,
                                   manner_of(ending.code), what);
    if (member.reason == Reason::memory)
        text += fmt::format(": it had more than {} bytes of memory", *options_.limits.resident);
    if (ending.out_of_memory == detail::OutOfMemory::yes)
        text += ": the kernel killed it, since there was no memory left";
    if (ending.out_of_memory == detail::OutOfMemory::likely)
        text += ": the kernel was out of memory and killed somebody, likely this one";
    WorkerDied death(text, member.pid, ending.code, task);
    death.peak_resident = ending.peak_rss;
    death.out_of_memory = ending.out_of_memory == detail::OutOfMemory::yes ||
                          ending.out_of_memory == detail::OutOfMemory::likely;
    if (member.stderr_tail) death.last_stderr = member.stderr_tail->last_lines(lines_kept);
    return std::make_exception_ptr(std::move(death));
}

}  // namespace procession::inline v0::pool
