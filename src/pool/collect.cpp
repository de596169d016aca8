// SPDX-License-Identifier: Apache-2.0

// How results come back: whoever waits takes all that came, and hands it out.

#include <fmt/format.h>
#include <procession/detail/exception_message.hpp>

#include <algorithm>
#include <cstring>

#include "log/log.hpp"
#include "pool/claims.hpp"
#include "pool/engine.hpp"
#include "wire/thrown.hpp"

namespace procession::inline v0::pool {
namespace {

using detail::Job;
using detail::MessageBlock;
using detail::Results;
using heap::Offset;

}  // namespace

std::exception_ptr read_exception(std::span<const std::byte> bytes) {
    try {
        return detail::load_exception(bytes);
    } catch (...) {
        return std::current_exception();
    }
}

// ---------------------------------------------------------------- what came

void Engine::collect() {
    constexpr std::size_t enough = 64 * 1024;
    std::vector<std::byte> bytes;
    std::vector<std::size_t> ends;
    do {
        bytes.clear();
        ends.clear();
        {
            queues::Taker taker(heap_, body_.results);
            while (bytes.size() < enough) {
                const queues::Taker::Next next = taker.peek();
                if (!next) break;
                bytes.insert(bytes.end(), next.bytes, next.bytes + next.length);
                ends.push_back(bytes.size());
                taker.take(next);
            }
        }
        std::size_t begin = 0;
        for (const std::size_t end : ends) {
            ResultHeader header;
            std::memcpy(&header, bytes.data() + begin, sizeof header);
            take_up(header,
                    std::span(bytes).subspan(begin + sizeof header, end - begin - sizeof header));
            begin = end;
        }
    } while (bytes.size() >= enough);
}

void Engine::take_up(const ResultHeader& header, std::span<const std::byte> bytes) {
    MessageBlock block;
    if (header.block && take_back(heap_, header.block, handle_.offset())) {
        block = MessageBlock(header.block);
        bytes = block.bytes();
    }
    received_ += header.count;
    Member& member = members_[header.seat];
    if (header.kind == ResultHeader::cannot_start) {
        if (broken_) return;
        broken_ = read_exception(bytes);
        detail::log_error("{}: the initializer of its workers has thrown {}; no task can be done",
                          kind_.name, to_string(detail::describe(broken_)));
        fail_all(broken_);
        return;
    }
    member.claim = header.claim;
    member.received = header.first + header.count;
    if (header.kind == ResultHeader::exception) {
        deliver_exception(header.ticket, header.first, read_exception(bytes));
    } else {
        deliver(header.ticket, {header.first, header.count, bytes, block ? &block : nullptr});
    }
}

void Engine::deliver(std::uint64_t ticket, const Results& results) {
    TaskEntry& entry = ledger_[ticket];
    Results of_job = results;
    of_job.first += entry.first;
    try {
        if (entry.job->is_cancelled()) std::rethrow_exception(cancelled());
        entry.job->on_results(of_job);
    } catch (...) {
        for (std::uint32_t i = 0; i < results.count; ++i)
            entry.job->on_exception(of_job.first + i, std::current_exception());
        failed_ += results.count;
    }
    finish(ticket, results.count);
}

void Engine::deliver_exception(std::uint64_t ticket, std::uint32_t item, std::exception_ptr error) {
    TaskEntry& entry = ledger_[ticket];
    entry.job->on_exception(entry.first + item,
                            entry.job->is_cancelled() ? cancelled() : std::move(error));
    ++failed_;
    finish(ticket, 1);
}

void Engine::finish(std::uint64_t ticket, std::uint32_t count) {
    TaskEntry& entry = ledger_[ticket];
    const detail::Ref<Job> job = entry.job;
    done_ += count;
    entry.left -= count;
    if (entry.left == 0) {
        if (const Offset block = heap_.at<TaskRecord>(entry.place.record)->block) heap_.free(block);
        if (const auto* const given_back = ledger_.find_given_back(ticket))
            for (const auto& place : given_back->places) lists_[0].finish(*place.segment);
        lists_[entry.level].finish(*entry.place.segment);
        ledger_.remove(ticket);
    }
    report(*job, count);
    if (job->came(count)) job->settle();
    if (is_over()) {
        changed_.notify_all();
        supervisor_calls_.set();
    }
}

void Engine::fail_all(const std::exception_ptr& error, bool cancels) {
    std::vector<std::uint64_t> tickets;
    ledger_.for_each([&](std::uint64_t ticket, TaskEntry&) { tickets.push_back(ticket); });
    for (const std::uint64_t ticket : tickets) drop_queued(ticket, ledger_[ticket], error, cancels);
    notify_all(body_.has_results);
}

// ---------------------------------------------------------------- waiting

void Engine::set_wake_at() {
    std::uint64_t missing = UINT64_MAX;
    for (const Job* const job : awaited_) missing = std::min(missing, job->missing());
    if (attends_ && done_ != queued_) missing = 1;
    // Of many, some at a time: they take up memory.
    if (missing > 64) missing = missing / 2;
    body_.wake_at.store(missing == UINT64_MAX ? missing : received_ + missing,
                        std::memory_order_relaxed);
}

bool Engine::wait(Job& job, const Timeout& timeout, const std::stop_token& stop) {
    if (job.is_there()) return true;
    if (job.is_settled() && std::this_thread::get_id() == callback_thread_.load()) return true;
    {
        const Lock lock(mutex_);
        awaited_.push_back(&job);
    }
    const auto look = [&] {
        const Lock lock(mutex_);
        collect();
        if (awaited_.size() > 1 || attends_) notify_all(body_.has_results);
    };
    const auto ready = [&] {
        for (;;) {
            if (job.is_there() || is_gone_) return true;
            if (!shows_message(heap_, body_.results)) {
                if (body_.has_results.waiters.load(std::memory_order_relaxed) == 0) return false;
                {
                    const Lock lock(mutex_);
                    set_wake_at();
                }
                std::atomic_thread_fence(std::memory_order_seq_cst);
                if (job.is_there()) return true;
                if (!shows_message(heap_, body_.results)) return false;
            }
            look();
        }
    };
    const auto leave = [&] {
        const Lock lock(mutex_);
        awaited_.erase(std::find(awaited_.begin(), awaited_.end(), &job));
        if (awaited_.empty()) changed_.notify_all();
    };
    heap::Waited waited;
    try {
        waited = heap::wait(heap::NoNote(), body_.has_results, ready, os::Deadline::after(timeout), stop,
                            heap::Patience::without_timer());
    } catch (...) {
        leave();
        throw;
    }
    leave();
    if (waited == heap::Waited::stopped)
        throw CancelledError(fmt::format("{}: the wait for a result was stopped", kind_.name));
    if (waited == heap::Waited::ready && !job.is_there()) std::rethrow_exception(cancelled());
    return waited == heap::Waited::ready;
}

// ---------------------------------------------------------------- cancelling

// Nobody is to begin what is queued of a task: that comes to `error`.
void Engine::drop_queued(std::uint64_t ticket, TaskEntry& entry, const std::exception_ptr& error,
                         bool cancels) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> dropped;
    {
        const heap::ObjectGuard guard(heap_, body_.lock, Claims::recover);
        const auto drop = [&](Offset at) {
            auto& record = *heap_.at<TaskRecord>(at);
            const std::uint32_t next = record.next.load();
            if (next == record.end) return;
            dropped.emplace_back(next, record.end);
            record.next.store(record.end);
        };
        drop(entry.place.record);
        if (const auto* const given_back = ledger_.find_given_back(ticket))
            for (const auto& place : given_back->places) drop(place.record);
    }
    std::uint32_t count = 0;
    for (const auto& [first, end] : dropped) {
        for (std::uint32_t item = first; item < end; ++item)
            entry.job->on_exception(entry.first + item, error);
        count += end - first;
    }
    failed_ += count;
    // One that has something else to come is not cancelled.
    if (cancels && count != 0 && entry.job->left() == count) entry.job->mark_cancelled();
    if (count != 0) finish(ticket, count);
}

bool Engine::cancel(Job& job) {
    {
        const Lock lock(mutex_);
        if (job.is_settled() || job.is_cancelled()) return false;
        collect();
        if (job.is_settled()) return false;
        std::vector<std::uint64_t> tickets;
        const auto is_its = [&](std::uint64_t ticket) { return ledger_[ticket].job.get() == &job; };
        if (job.Job::missing() == 1 && job.ticket != 0 && is_its(job.ticket))
            tickets.push_back(job.ticket);
        else
            ledger_.for_each([&](std::uint64_t ticket, TaskEntry&) {
                if (is_its(ticket)) tickets.push_back(ticket);
            });
        job.mark_cancelled();
        for (std::uint32_t seat = 0; seat < members_.size(); ++seat) {
            const auto runs = running(seat);
            if (!runs || !is_its(runs->ticket)) continue;
            order_end(seat, *runs, Reason::cancelled);
        }
        for (const std::uint64_t ticket : tickets) {
            drop_queued(ticket, ledger_[ticket], cancelled());
        }
        supervisor_calls_.set();
    }
    notify_all(body_.has_results);
    // What has not come comes to that error, also if it is done already.
    return true;
}

std::exception_ptr Engine::cancelled() const {
    return std::make_exception_ptr(
        CancelledError(fmt::format("{}: the task was cancelled", kind_.name)));
}

bool Engine::is_running(const Job& job) {
    const Lock lock(mutex_);
    for (std::uint32_t seat = 0; seat < members_.size(); ++seat) {
        const auto runs = running(seat);
        if (runs && ledger_[runs->ticket].job.get() == &job) return true;
    }
    return false;
}

// ---------------------------------------------------------------- calling back

void Engine::post(std::function<void()> call) {
    posted_.push_back(std::move(call));
    notify_all(body_.has_results);
}

bool Engine::attend() {
    if (callbacks_end_) return false;
    attends_ = true;
    if (!callbacks_)
        callbacks_.emplace(
            "pool callbacks", [this] { serve_callbacks(); }, os::ServiceThread::Stack::usual);
    return true;
}

void Engine::serve_callbacks() {
    callback_thread_ = std::this_thread::get_id();
    const auto next = [&]() -> std::function<void()> {
        const Lock lock(mutex_);
        if (posted_.empty()) return {};
        auto call = std::move(posted_.front());
        posted_.pop_front();
        return call;
    };
    const auto ready = [&] {
        const Lock lock(mutex_);
        if (shows_message(heap_, body_.results)) {
            collect();
            notify_all(body_.has_results);
        }
        set_wake_at();
        return !posted_.empty() || callbacks_end_;
    };
    for (;;) {
        heap::wait(heap::NoNote(), body_.has_results, ready, os::Deadline::never(), {},
                   heap::Patience::without_timer());
        while (const auto call = next()) {
            call();
            // That may be what a job was not done without.
            notify_all(body_.has_results);
        }
        const Lock lock(mutex_);
        if (callbacks_end_ && posted_.empty()) return;
    }
}

}  // namespace procession::inline v0::pool
