// SPDX-License-Identifier: Apache-2.0

// How calls become tasks.

#include <fmt/format.h>
#include <procession/detail/completions.hpp>

#include <algorithm>

#include "pool/engine.hpp"

namespace procession::inline v0::pool {
namespace {

using detail::Job;
using detail::MessageBlock;
using detail::Ref;
using std::chrono::steady_clock;

std::uint32_t level_of(const Job& job) {
    const int priority = job.settings.priority;
    return priority > 0 ? 1 : priority == 0 ? 2 : 3;
}

}  // namespace

void Engine::check_open() const {
    if (broken_) std::rethrow_exception(broken_);
    if (state_ == State::open) return;
    if (interrupts_answered_ != 0)
        throw CancelledError(
            fmt::format("{}: interrupted by Ctrl-C; nothing can be submitted any more", kind_.name));
    const std::string text = fmt::format(
        "{}: it is {}; nothing can be submitted any more. Submit before that, or make another.",
        kind_.name, state_ == State::closed ? "closed" : "terminated");
    if (kind_.when_closed == Errc::state) throw StateError(text);
    throw ValueError(text);
}

Ref<KnownFunction> Engine::use(const detail::TaskFunction& function) {
    if (heap_.self() != self_)
        throw StateError(
            fmt::format("{}: the process that this one was forked from made it, and alone can "
                        "use it. Make another here.",
                        kind_.name));
    const Lock lock(mutex_);
    check_open();
    return functions_->use(function);
}

void Engine::append(std::uint64_t ticket, TaskEntry& entry, TaskForm form) {
    form.ticket = ticket;
    form.function = entry.function->block;
    const Job::Settings& settings = entry.job->settings;
    if (settings.time_limit != Job::Settings::no_limit) {
        form.at_once |= TaskRecord::timed;
        if (shortest_limit_ == 0 || settings.time_limit < shortest_limit_) {
            shortest_limit_ = settings.time_limit;
            supervisor_calls_.set();
        }
    }
    entry.place = lists_[entry.level].append(form);
}

void Engine::submit(Job& job, const Ref<KnownFunction>& function, detail::Buffer& arguments) {
    MessageBlock block;
    if (detail::needs_block(arguments)) block = MessageBlock::of(arguments);
    {
        const Lock lock(mutex_);
        check_open();
        auto [ticket, entry] = ledger_.add();
        try {
            entry.job = &job;
            entry.function = function;
            entry.left = 1;
            entry.level = level_of(job);
            TaskForm form;
            if (block) {
                form.block = block.offset();
                form.item_size = TaskRecord::whole;
            } else {
                form.bytes = arguments.bytes();
            }
            // A block that nobody names goes with the pool; one that is named must be its.
            if (block) give(heap_, block.offset(), handle_.offset());
            append(ticket, entry, form);
            block.release();
        } catch (...) {
            if (block) take_back(heap_, block.offset(), handle_.offset());
            ledger_.remove(ticket);
            throw;
        }
        job.ticket = static_cast<std::uint32_t>(ticket);
        job.expect(1);
        ++queued_;
        if (kind_.on_demand) supervisor_calls_.set();
    }
    arguments.leave_along();
    tell_workers(1);
}

void Engine::begin_many(Job& job, std::optional<std::uint64_t> total) {
    {
        const Lock lock(mutex_);
        check_open();
        job.expect(1);
        if (!options_.progress) return;
        reports_.emplace(&job, Report{.since = steady_clock::now(), .total = total});
    }
    // The last report comes before those go on who wait for the result.
    job.call_back(Job::When::before_done, [this, &job] {
        Progress progress;
        {
            const Lock lock(mutex_);
            const auto report = reports_.extract(&job);
            if (report.empty()) return;
            progress = report.mapped().progress();
        }
        detail::log_what_it_throws([&] { options_.progress(progress); });
    });
}

void Engine::submit_many(Job& job, const Ref<KnownFunction>& function, MessageBlock block,
                         std::uint64_t first, std::uint32_t count, std::uint32_t item_size,
                         std::size_t chunksize) {
    {
        const Lock lock(mutex_);
        check_open();
        auto [ticket, entry] = ledger_.add();
        try {
            entry.job = &job;
            entry.function = function;
            entry.first = first;
            entry.left = count;
            entry.level = level_of(job);
            TaskForm form;
            form.block = block.offset();
            form.end = count;
            form.item_size = count == 1 ? TaskRecord::whole : item_size;
            form.at_once =
                static_cast<std::uint32_t>(std::min<std::size_t>(chunksize, TaskRecord::timed - 1));
            give(heap_, block.offset(), handle_.offset());
            append(ticket, entry, form);
            block.release();
        } catch (...) {
            take_back(heap_, block.offset(), handle_.offset());
            ledger_.remove(ticket);
            throw;
        }
        job.ticket = static_cast<std::uint32_t>(ticket);
        job.expect(count);
        queued_ += count;
        if (const auto report = reports_.find(&job); report != reports_.end())
            report->second.submitted += count;
        if (kind_.on_demand) supervisor_calls_.set();
    }
    tell_workers(static_cast<int>(std::min<std::uint32_t>(count, 1 << 20)));
}

void Engine::end_many(Job& job) {
    const Lock lock(mutex_);
    if (const auto report = reports_.find(&job); report != reports_.end())
        report->second.total = report->second.submitted;
    if (job.came(1)) job.settle();
}

Progress Engine::Report::progress() const {
    return {.done = done, .total = total, .elapsed = steady_clock::now() - since};
}

// Called at most so often, whatever comes.
void Engine::report(const Job& job, std::uint64_t count) {
    constexpr std::chrono::milliseconds between(50);
    const auto found = reports_.find(&job);
    if (found == reports_.end()) return;
    Report& report = found->second;
    report.done += count;
    const auto now = steady_clock::now();
    if (now - report.last < between || report.done == report.submitted) return;
    report.last = now;
    post([this, progress = report.progress()] {
        detail::log_what_it_throws([&] { options_.progress(progress); });
    });
}

void Engine::abandon(Job& job) {
    cancel(job);
    end_many(job);
}

void Engine::tell_workers(int how_many) { notify(body_.has_tasks, how_many); }

// Items of a task that nobody has done: others are to do them, before what waits.
void Engine::give_back(std::uint64_t ticket, std::uint32_t first, std::uint32_t end) {
    TaskEntry& entry = ledger_[ticket];
    auto& record = *heap_.at<TaskRecord>(entry.place.record);
    TaskForm form{.ticket = ticket,
                  .function = record.function,
                  .block = record.block,
                  .first = first,
                  .end = end,
                  .at_once = record.at_once,
                  .item_size = record.item_size};
    if (!record.block) form.bytes = {record.bytes(), record.item_size};
    ledger_.given_back(ticket).places.push_back(lists_[0].append(form));
    tell_workers(static_cast<int>(end - first));
}

}  // namespace procession::inline v0::pool
