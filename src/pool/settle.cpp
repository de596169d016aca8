// SPDX-License-Identifier: Apache-2.0

// What is done with what a dead worker had: results that it kept are handed out, the item that it was at has its
// error or is run again, the others are given to others.

#include <fmt/format.h>

#include <algorithm>

#include "pool/claims.hpp"
#include "pool/engine.hpp"

namespace procession::inline v0::pool {
namespace {

using detail::MessageBlock;
using heap::Offset;
using std::chrono::milliseconds;

// So many that died having an item, each before it began it, and it counts as what they died of.
constexpr std::uint32_t most_deaths_before = 4;

}  // namespace

void Engine::on_end(std::uint32_t index) {
    Member& member = members_[index];
    Seat& seat = body_.seat(heap_, index);
    static_cast<void>(member.process->join());
    const ExitCode code = member.process->exitcode();
    if (member.stderr_tail) forward(*member.stderr_tail);
    if (const heap::ParticipantId worker = seat.worker.load()) bury(heap_, worker);
    collect();
    settle_what_it_had(index);
    const bool began = seat.state.load() == Seat::ready;
    const bool was_told = seat.retires.load() != 0 || member.reason != Reason::none ||
                          state_ != State::open || replaces_workers();
    if (!was_told || (code.has_value() && *code != 0 && member.reason == Reason::none)) ++died_;
    if (began) {
        deaths_at_start_ = 0;
    } else if (!broken_ && state_ != State::terminated && !is_any_ready() &&
               ++deaths_at_start_ >= most_deaths_at_start) {
        broken_ =
            death_of(member, "the start",
                     fmt::format("before it began, as the last {} did. Look at the initializer and "
                                 "the limits",
                                 deaths_at_start_));
        fail_all(broken_);
    }
    seat.state = Seat::empty;
    keep_open(member);
    member = Member{};
    notify_all(body_.has_results);
}

void Engine::settle_what_it_had(std::uint32_t index) {
    Seat& seat = body_.seat(heap_, index);
    Member& member = members_[index];
    std::uint32_t number = 0;
    Range left{};
    {
        // Whoever has the lock may be finishing what the dead one was at.
        const heap::ObjectGuard guard(heap_, body_.lock, Claims::recover);
        number = seat.claim.number.load();
        if (number == 0) return;
        left = Range::of(seat.range.load());
        seat.range.store(Range{left.next, left.next}.word());
    }
    const std::uint32_t first = seat.claim.first.load();
    const std::uint32_t received = member.claim == number ? member.received : first;
    std::uint32_t done = first, sent = first, used = 0;
    if (seat.progress_of.load() == number) {
        const std::uint64_t progress = seat.progress.load();
        done = static_cast<std::uint32_t>(progress >> 32);
        used = static_cast<std::uint32_t>(progress);
        sent = seat.sent.load();
    }
    if (received >= left.end) return;
    const std::uint64_t ticket = heap_.at<TaskRecord>(seat.claim.record.load())->ticket;
    if (done > sent && sent >= received)
        deliver(ticket, {sent, done - sent, std::span(seat.slab).first(used)});
    done = std::max(done, received);
    if (const Offset outgoing = seat.outgoing.load();
        outgoing != 0 && done >= received && done < left.next && seat.progress_of.load() == number &&
        take_back(heap_, outgoing, handle_.offset())) {
        MessageBlock block(outgoing);
        if (seat.outgoing_kind.load() == ResultHeader::exception)
            deliver_exception(ticket, done, read_exception(block.bytes()));
        else
            deliver(ticket, {done, 1, block.bytes(), &block});
        ++done;
    }
    if (done >= left.end) return;
    // One of which it is not known that it was begun is given back, too; but not for ever.
    const bool has_culprit =
        done < left.next || ++ledger_.given_back(ticket).deaths_before[done] > most_deaths_before;
    // What is not begun is given back first: with the culprit, the task might be over.
    const std::uint32_t next = has_culprit ? done + 1 : done;
    if (next < left.end) give_back(ticket, next, left.end);
    if (has_culprit) settle_culprit(member, ticket, done);
}

void Engine::settle_culprit(Member& member, std::uint64_t ticket, std::uint32_t item) {
    TaskEntry& entry = ledger_[ticket];
    if (member.reason == Reason::terminated || entry.job->is_cancelled())
        return deliver_exception(ticket, item, cancelled());
    if (member.reason == Reason::time_limit) {
        const std::chrono::duration<double> limit = milliseconds(entry.job->settings.time_limit);
        return deliver_exception(ticket, item,
                                 std::make_exception_ptr(TimeoutError(fmt::format(
                                     "{}: {} ran for longer than its time limit of {} s, and was ended",
                                     kind_.name, entry.function->name(), limit.count()))));
    }
    std::uint32_t deaths = 1;
    if (entry.job->settings.max_retries != 0) {
        deaths = ++ledger_.given_back(ticket).deaths[item];
        if (deaths <= entry.job->settings.max_retries) {
            ++retried_;
            return give_back(ticket, item, item + 1);
        }
    }
    const std::string name = entry.function->name();
    std::string what = fmt::format("while it ran {}", name);
    if (entry.first + item != 0) what += fmt::format(", item {}", entry.first + item);
    if (deaths > 1) what += fmt::format("; {} workers have ended so: the task is poison", deaths);
    deliver_exception(ticket, item, death_of(member, name, what));
}

}  // namespace procession::inline v0::pool
