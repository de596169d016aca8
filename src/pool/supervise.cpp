// SPDX-License-Identifier: Apache-2.0

// The supervisor: who is to have a seat, how far each is, and what ends a task.

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>

#include "os/futex.hpp"
#include "os/poll.hpp"
#include "os/process_memory.hpp"
#include "pool/claims.hpp"
#include "pool/engine.hpp"

namespace procession::inline v0::pool {
namespace {

using detail::Job;
using heap::Offset;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

// What workers cannot call the supervisor for is looked for so often, while there is something to do.
constexpr std::chrono::milliseconds longest_sleep(250);
// So often it is looked how much memory workers have.
constexpr std::chrono::milliseconds between_looks(50);

}  // namespace

// ---------------------------------------------------------------- seats

bool Engine::is_over() const { return state_ != State::open && queued_ == done_; }

bool Engine::is_any_ready() const {
    for (std::uint32_t seat = 0; seat < members_.size(); ++seat)
        if (members_[seat].state == Member::working &&
            body_.seat(heap_, seat).state.load() == Seat::ready)
            return true;
    return false;
}

std::uint32_t Engine::free_seat() {
    for (std::uint32_t seat = 0; seat < members_.size(); ++seat)
        if (members_[seat].state == Member::absent) return seat;
    add_seats(static_cast<std::uint32_t>(members_.size()) + 1);
    return static_cast<std::uint32_t>(members_.size()) - 1;
}

// Whoever is to begin, so that there are as many as are wanted, and where workers are replaced now and then, one
// in reserve beside those for who retires: it is ready before the one whose place it takes has gone.
std::vector<std::uint32_t> Engine::seats_to_man() {
    std::vector<std::uint32_t> seats;
    if (state_ == State::terminated || broken_) return seats;
    std::uint64_t wanted = wanted_;
    if (kind_.on_demand || state_ == State::closed)
        wanted = std::min<std::uint64_t>(wanted, queued_ - done_);
    std::uint64_t present = 0, reserves = 0;
    for (const Member& member : members_) {
        if (member.state == Member::absent) continue;
        ++(member.is_reserve ? reserves : present);
    }
    for (std::uint32_t seat = 0; seat < members_.size() && present < wanted && reserves != 0; ++seat) {
        if (members_[seat].state == Member::absent || !members_[seat].is_reserve) continue;
        members_[seat].is_reserve = false;
        body_.seat(heap_, seat).is_reserve = 0;
        tell_all_workers(body_);
        --reserves;
        ++present;
    }
    const auto begin = [&](bool is_reserve) {
        const std::uint32_t seat = free_seat();
        members_[seat].state = Member::starting;
        members_[seat].is_reserve = is_reserve;
        body_.seat(heap_, seat).retires = 0;
        seats.push_back(seat);
    };
    for (; present < wanted; ++present) begin(false);
    if (replaces_workers() && !kind_.on_demand && state_ == State::open && reserves <= retiring())
        begin(true);
    return seats;
}

bool Engine::replaces_workers() const {
    return options_.maxtasksperchild != 0 || options_.maxmemoryperchild != 0 || options_.maxageperchild;
}

std::uint32_t Engine::retiring() const {
    std::uint32_t count = 0;
    for (std::uint32_t seat = 0; seat < members_.size(); ++seat)
        count += members_[seat].state == Member::working && body_.seat(heap_, seat).retires.load() != 0;
    return count;
}

// One beside those whose places are free as soon as their tasks are done.
bool Engine::is_reserve_ready() const {
    std::uint32_t ready = 0;
    for (std::uint32_t seat = 0; seat < members_.size(); ++seat)
        ready += members_[seat].state == Member::working && members_[seat].is_reserve &&
                 body_.seat(heap_, seat).state.load() == Seat::ready;
    return ready > retiring();
}

// One that is to be replaced goes on until the one that takes its place is ready.
void Engine::look_at_memory_and_age() {
    if (options_.maxmemoryperchild == 0 && !options_.maxageperchild && !watches_memory_) return;
    const auto now = steady_clock::now();
    for (std::uint32_t index = 0; index < members_.size(); ++index) {
        Member& member = members_[index];
        Seat& seat = body_.seat(heap_, index);
        if (member.state != Member::working || seat.retires.load() != 0) continue;
        const auto memory = os::memory_of(member.pid);
        const std::size_t own = memory ? memory->own() : 0;
        if (watches_memory_ && own > *options_.limits.resident) {
            member.reason = Reason::memory;
            seat.retires = 1;
            member.process->kill();
            continue;
        }
        const bool is_large = options_.maxmemoryperchild != 0 && own > options_.maxmemoryperchild;
        const bool is_old = options_.maxageperchild && now - member.since > *options_.maxageperchild;
        if (member.is_reserve || (!is_large && !is_old)) continue;
        if (!kind_.on_demand && !is_reserve_ready()) return;
        seat.retires = 1;
        tell_all_workers(body_);
        return;  // one at a time
    }
}

// ---------------------------------------------------------------- the supervisor

void Engine::supervise() {
    std::vector<pollfd> watched;
    for (;;) {
        os::Deadline deadline = os::Deadline::never();
        watched.assign(1, {supervisor_calls_.fd(), POLLIN, 0});
        std::vector<detail::StderrTail*> tails;
        {
            const Lock lock(mutex_);
            const auto watch = [&](int fd) { watched.push_back({fd, POLLIN, 0}); };
            for (const Member& member : members_)
                watch(member.state == Member::working ? member.process->sentinel() : -1);
            for (const Member& member : members_)
                if (member.stderr_tail) tails.push_back(member.stderr_tail.get());
            std::erase_if(left_open_, [](const auto& tail) { return tail->fd() < 0; });
            for (const auto& tail : left_open_) tails.push_back(tail.get());
            for (const detail::StderrTail* const tail : tails) watch(tail->fd());
            deadline = next_look();
        }
        const std::size_t members = watched.size() - 1 - tails.size();
        static_cast<void>(os::poll(watched, deadline, os::Interruption({})));
        supervisor_calls_.clear();
        for (std::size_t i = 0; i < tails.size(); ++i)
            if (watched[1 + members + i].revents != 0) forward(*tails[i]);
        std::vector<std::uint32_t> to_start;
        {
            const Lock lock(mutex_);
            if (ends_) return;
            for (std::uint32_t seat = 0; seat < members; ++seat)
                if (watched[seat + 1].fd >= 0 && watched[seat + 1].revents != 0) on_end(seat);
            if (body_.is_short_of_memory.load() != 0) {
                collect();
                body_.is_short_of_memory = 0;
                os::futex_wake(body_.is_short_of_memory, INT_MAX);
            }
            answer_interrupts();
            look_at_time_limits();
            look_at_memory_and_age();
            advance_ends();
            to_start = seats_to_man();
        }
        for (const std::uint32_t seat : to_start) {
            try {
                start_worker(seat);
            } catch (...) {
                const Lock lock(mutex_);
                members_[seat].state = Member::absent;
                if (++deaths_at_start_ < most_deaths_at_start) {
                    supervisor_calls_.set();
                } else {
                    broken_ = std::current_exception();
                    fail_all(broken_);
                }
            }
        }
        changed_.notify_all();
    }
}

os::Deadline Engine::next_look() const {
    os::Deadline next = os::Deadline::never();
    const auto at = [&](steady_clock::time_point point) {
        if (point < next.point()) next = os::Deadline::at(point);
    };
    for (const Member& member : members_)
        if (member.reason != Reason::none && member.state == Member::working)
            at(member.next_signal.point());
    const bool looks_at_workers =
        options_.maxmemoryperchild != 0 || options_.maxageperchild || watches_memory_;
    if (looks_at_workers) at(steady_clock::now() + between_looks);
    if (queued_ == done_) return next;
    at(steady_clock::now() + longest_sleep);
    if (shortest_limit_ == 0) return next;
    // One that begins after this look is not late before that.
    at(steady_clock::now() + milliseconds(shortest_limit_));
    for (std::uint32_t seat = 0; seat < members_.size(); ++seat) {
        const auto runs = running(seat);
        if (!runs || members_[seat].reason != Reason::none) continue;
        const std::uint32_t limit =
            const_cast<Engine*>(this)->ledger_[runs->ticket].job->settings.time_limit;
        if (limit != Job::Settings::no_limit)
            at(steady_clock::time_point(nanoseconds(runs->since)) + milliseconds(limit));
    }
    return next;
}

// ---------------------------------------------------------------- ending a task

// What a worker is at, at this moment: it may be done with it at the next.
std::optional<Engine::Running> Engine::running(std::uint32_t index) const {
    // One that was started may be at work before that is noted.
    if (members_[index].state == Member::absent) return std::nullopt;
    const Seat& seat = body_.seat(heap_, index);
    const Member& member = members_[index];
    for (int tries = 0; tries < 100; ++tries) {
        const std::uint32_t number = seat.progress_of.load(std::memory_order_acquire);
        if (number == 0) return std::nullopt;
        const auto item =
            static_cast<std::uint32_t>(seat.progress.load(std::memory_order_acquire) >> 32);
        const Range left = Range::of(seat.range.load(std::memory_order_acquire));
        const std::int64_t since = seat.since.load(std::memory_order_acquire);
        const Offset record = seat.claim.record.load(std::memory_order_acquire);
        if (seat.claim.number.load(std::memory_order_acquire) != number ||
            seat.progress_of.load(std::memory_order_acquire) != number)
            continue;
        if (item >= left.next || (member.claim == number && item < member.received)) return std::nullopt;
        // Its result has not come, so its task's record is there.
        return Running{number, item, heap_.at<TaskRecord>(record)->ticket, since};
    }
    return std::nullopt;
}

// What it has and has not begun others are to do, or nobody; what it runs is asked to stop, and then ended.
void Engine::order_end(std::uint32_t index, const Running& runs, Reason reason) {
    Seat& seat = body_.seat(heap_, index);
    Member& member = members_[index];
    if (member.reason != Reason::none) return;
    Range taken_back{};
    {
        const heap::ObjectGuard guard(heap_, body_.lock, Claims::recover);
        if (seat.claim.number.load() != runs.claim) return;
        std::uint64_t word = seat.range.load();
        do {
            taken_back = Range::of(word);
        } while (
            !seat.range.compare_exchange_weak(word, Range{taken_back.next, taken_back.next}.word()));
    }
    if (taken_back.size() != 0) {
        if (reason == Reason::cancelled) {
            for (std::uint32_t item = taken_back.next; item < taken_back.end; ++item)
                deliver_exception(runs.ticket, item, cancelled());
        } else {
            give_back(runs.ticket, taken_back.next, taken_back.end);
        }
    }
    member.reason = reason;
    member.reason_claim = runs.claim;
    member.reason_item = runs.item;
    member.signals_sent = 0;
    seat.stop = runs.claim;
    os::futex_wake(seat.stop, INT_MAX);
    member.next_signal = seat.listens.load() ? os::Deadline::at(steady_clock::now() + options_.grace)
                                             : os::Deadline::now();
}

void Engine::look_at_time_limits() {
    if (shortest_limit_ == 0) return;
    if (queued_ == done_) {
        shortest_limit_ = 0;
        return;
    }
    const auto now = steady_clock::now();
    for (std::uint32_t seat = 0; seat < members_.size(); ++seat) {
        const auto runs = running(seat);
        if (!runs || members_[seat].reason != Reason::none) continue;
        const milliseconds limit(ledger_[runs->ticket].job->settings.time_limit);
        if (limit.count() != Job::Settings::no_limit &&
            now >= steady_clock::time_point(nanoseconds(runs->since)) + limit)
            order_end(seat, *runs, Reason::time_limit);
    }
}

void Engine::advance_ends() {
    for (std::uint32_t index = 0; index < members_.size(); ++index) {
        Member& member = members_[index];
        if (member.reason == Reason::none || member.state != Member::working ||
            !member.next_signal.expired())
            continue;
        Seat& seat = body_.seat(heap_, index);
        // Under the lock it begins nothing else meanwhile.
        const heap::ObjectGuard guard(heap_, body_.lock, Claims::recover);
        const auto runs = running(index);
        if (member.reason != Reason::terminated &&
            (!runs || runs->claim != member.reason_claim || runs->item != member.reason_item)) {
            member.reason = Reason::none;
            continue;
        }
        seat.retires = 1;
        if (member.signals_sent++ == 0)
            member.process->terminate();
        else
            member.process->kill();
        member.next_signal = os::Deadline::at(steady_clock::now() + options_.grace);
    }
}

}  // namespace procession::inline v0::pool
