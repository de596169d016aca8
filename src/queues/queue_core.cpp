// SPDX-License-Identifier: Apache-2.0

// Queues: a stream of messages, and those who wait for one or for room. Messages are written before a lock is
// taken and read after it was given up; a long one lies in a block of shared memory from the beginning,
// and only changes its owner.

#include <fmt/format.h>
#include <procession/detail/queue_core.hpp>
#include <procession/error.hpp>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>

#include "heap/object.hpp"
#include "os/at_load.hpp"
#include "queues/queue_body.hpp"

namespace procession::inline v0::detail {
namespace {

using heap::Heap;
using heap::Offset;
using queues::InFlight;
using queues::Passed;
using queues::Putter;
using queues::QueueBody;
using queues::Taker;

QueueBody& body_of(const Handle& handle) { return *static_cast<QueueBody*>(handle.body()); }

template <std::size_t size>
void copy_text(char (&to)[size], std::string_view text) {
    std::memcpy(to, text.data(), std::min(text.size(), size - 1));
}

PROCESSION_AT_LOAD void register_mourner() {
    heap::set_mourner(heap::ObjectType::queue, [](Heap& heap, Offset queue, heap::ParticipantId dead) {
        auto& body = heap::body<QueueBody>(heap, queue);
        mourn(heap, body.channel, dead);
        notify_all(body.all_done);
    });
}

// ---------------------------------------------------------------- what a process has of a queue

struct QueueCompanion : Companion {
    explicit QueueCompanion(QueueBody& body)
        : doorbell(body.channel.watched,
                   [&body] { return has_message_or_end(Heap::program(), body.channel); }) {}

    std::atomic<heap::ParticipantId> closed_by{0};  ///< what it closes, its children by fork have not
    queues::Doorbell doorbell;
};

QueueCompanion* find_companion(const Handle& queue) {
    return static_cast<QueueCompanion*>(queue.companion());
}
queues::Doorbell* doorbell_of(const Handle& queue) {
    QueueCompanion* const ours = find_companion(queue);
    return ours ? &ours->doorbell : nullptr;
}
QueueCompanion& companion_of(const Handle& queue) {
    if (auto* const found = find_companion(queue)) return *found;
    return static_cast<QueueCompanion&>(
        queue.companion_or(std::make_unique<QueueCompanion>(body_of(queue))));
}

// ---------------------------------------------------------------- putting and taking

/// Puts with `put_some(putter)`, which returns how many messages it put. @returns false when it stayed full
template <class PutSome>
bool do_put(const Handle& queue, const char* name, const Timeout& timeout, const std::stop_token& stop,
            const PutSome& put_some) {
    QueueBody& body = body_of(queue);
    const Passed passed = put_into(body.channel, {body.kind, name, timeout, stop}, doorbell_of(queue),
                                   queues::HasEnded{body.channel}, put_some);
    if (passed == Passed::ended)
        throw ShutDown(fmt::format("{}::{}: the queue was shut down", body.kind, name));
    return passed == Passed::done;
}

/// Takes with `take_some(taker)`, which returns how many it took. @returns false when it stayed empty
template <class TakeSome>
bool do_get(const Handle& queue, const char* name, const Timeout& timeout, const std::stop_token& stop,
            const TakeSome& take_some) {
    QueueBody& body = body_of(queue);
    const Passed passed = take_from(body.channel, {body.kind, name, timeout, stop}, doorbell_of(queue),
                                    queues::HasEnded{body.channel}, take_some);
    if (passed == Passed::ended)
        throw ShutDown(fmt::format("{}::{}: the queue was shut down and is empty", body.kind, name));
    return passed == Passed::done;
}

bool has_room(const QueueBody& body, const Putter& putter) {
    return body.channel.limit == 0 || putter.has_room(body.channel.limit);
}

void put_bytes(Putter& putter, std::span<const std::byte> bytes) {
    std::memcpy(putter.reserve(bytes.size()), bytes.data(), bytes.size());
    putter.commit(bytes.size());
}

void put_block(Putter& putter, MessageBlock& block) {
    putter.put_block(block.offset());
    block.release();
}

MessageBlock taken_block(const Handle& queue, Offset block, const InFlight::Entry* entry) {
    return entry ? MessageBlock(block, queue.offset(), Heap::program().offset_of(entry))
                 : MessageBlock(block);
}

// ---------------------------------------------------------------- the queue

Offset make_queue(const char* kind, std::uint32_t deaths_at_most, std::size_t maxsize,
                  std::uint64_t fingerprint, const std::string& type_name) {
    Heap& heap = Heap::program();
    const Offset queue = make_object(heap, heap::ObjectType::queue, sizeof(QueueBody));
    auto& body = heap::body<QueueBody>(heap, queue);
    body.fingerprint = fingerprint;
    body.channel.limit = maxsize;
    body.is_joinable = deaths_at_most != 0;
    copy_text(body.kind, kind);
    copy_text(body.type_name, type_name);
    try {
        make_stream(heap, body.channel.stream, queue, deaths_at_most);
    } catch (...) {
        drop(heap, queue, heap.self());
        throw;
    }
    return queue;
}

const QueueBody& checked_body(Offset object, const char* kind, bool joinable, std::uint64_t fingerprint,
                              const std::string& type_name) {
    Heap& heap = Heap::program();
    if (type_of(heap, object) != heap::ObjectType::queue)
        throw TypeMismatch(fmt::format("{}: this is another kind of object; receive it as that", kind));
    const auto& body = heap::body<QueueBody>(heap, object);
    if (body.fingerprint != fingerprint || (joinable && !body.is_joinable))
        throw TypeMismatch(fmt::format("{}<{}>: this queue is a {}<{}>; receive it as that.", kind,
                                       type_name, body.kind, body.type_name));
    return body;
}

}  // namespace

std::uint32_t deaths_at_most(int max_deliveries) {
    if (max_deliveries < 1)
        throw ValueError(
            fmt::format("JoinableQueue: max_deliveries is {}; it must be 1 or more", max_deliveries));
    return static_cast<std::uint32_t>(max_deliveries);
}

QueueCore::QueueCore(const Kind& kind, std::size_t maxsize, std::uint64_t fingerprint,
                     const std::string& type_name)
    : Handle(
          kind.name,
          [&] { return make_queue(kind.name, kind.deaths_at_most, maxsize, fingerprint, type_name); },
          [&](Offset object) {
              const auto& body =
                  checked_body(object, kind.name, kind.deaths_at_most != 0, fingerprint, type_name);
              const std::uint32_t deaths_at_most = body.channel.stream.take.in_flight.limit();
              const auto check_same = [&](const char* what, auto made, auto wanted) {
                  if (made == wanted) return;
                  throw ValueError(fmt::format(
                      "{}<{}>: with static storage it is one queue for the program, which was made "
                      "with {} {} and not {}. Construct it with the same arguments in every process.",
                      kind.name, type_name, what, made, wanted));
              };
              check_same("maxsize", body.channel.limit, maxsize);
              check_same("max_deliveries", deaths_at_most, kind.deaths_at_most);
          }) {}

QueueCore::QueueCore(Handle handle, const Kind& kind, std::uint64_t fingerprint,
                     const std::string& type_name)
    : Handle(std::move(handle)) {
    checked_body(offset(), kind.name, kind.deaths_at_most != 0, fingerprint, type_name);
}

bool QueueCore::put(Buffer& buffer, Timeout timeout, const std::stop_token& stop) const {
    check_open("put");
    if (needs_block(buffer) || body_of(*this).is_joinable) {
        MessageBlock block = MessageBlock::of(buffer);
        return put(block, timeout, stop);
    }
    const QueueBody& body = body_of(*this);
    return do_put(*this, "put", timeout, stop, [&](Putter& putter) -> std::size_t {
        if (!has_room(body, putter)) return 0;
        put_bytes(putter, buffer.bytes());
        return 1;
    });
}

bool QueueCore::put(MessageBlock& block, Timeout timeout, const std::stop_token& stop) const {
    check_open("put");
    const QueueBody& body = body_of(*this);
    if (!block) throw ValueError(fmt::format("{}::commit: it was committed before", body.kind));
    if (!block.is_ours())
        throw ValueError(
            fmt::format("{}::commit: the process that this one was forked from reserved it, "
                        "and commits it",
                        body.kind));
    return do_put(*this, "put", timeout, stop, [&](Putter& putter) -> std::size_t {
        if (!has_room(body, putter)) return 0;
        put_block(putter, block);
        return 1;
    });
}

void QueueCore::put(MessageBatch& batch, const std::stop_token& stop) const {
    check_open("put_many");
    std::size_t next = 0;
    const QueueBody& body = body_of(*this);
    const auto put_some = [&](Putter& putter) {
        const std::size_t first = next;
        try {
            for (; next < batch.size() && has_room(body, putter); ++next) {
                if (MessageBlock* const block = batch.block(next))
                    put_block(putter, *block);
                else
                    put_bytes(putter, batch[next]);
            }
        } catch (const HeapExhausted&) {
            // Those that were put are to be told of first; the next try throws.
            if (next == first) throw;
        }
        return next - first;
    };
    while (next < batch.size()) static_cast<void>(do_put(*this, "put_many", forever, stop, put_some));
}

bool QueueCore::get(TakenMessage& message, Timeout timeout, const std::stop_token& stop) const {
    check_open("get");
    return do_get(*this, "get", timeout, stop, [&](Taker& taker) -> std::size_t {
        const Taker::Next next = taker.peek();
        if (!next) return 0;
        if (next.bytes) message.hold({next.bytes, next.length});
        const InFlight::Entry* const entry = taker.take(next);
        if (next.block) message.hold(taken_block(*this, next.block, entry));
        return 1;
    });
}

bool QueueCore::get(MessageBatch& batch, std::size_t at_most, Timeout timeout,
                    const std::stop_token& stop) const {
    check_open("get_many");
    return do_get(*this, "get_many", timeout, stop, [&](Taker& taker) {
        try {
            while (batch.size() < at_most) {
                const Taker::Next next = taker.peek();
                if (!next) break;
                if (next.bytes) batch.add({next.bytes, next.length});
                const InFlight::Entry* const entry = taker.take(next);
                if (next.block) batch.add(taken_block(*this, next.block, entry));
            }
        } catch (const HeapExhausted&) {
            if (batch.size() == 0) throw;
        }
        return batch.size();
    });
}

bool QueueCore::takes_blocks() const { return body_of(*this).is_joinable; }

std::size_t QueueCore::size() const { return size_of(Heap::program(), body_of(*this).channel.stream); }

bool QueueCore::is_full() const {
    const QueueBody& body = body_of(*this);
    return body.channel.limit != 0 && size() >= body.channel.limit;
}

void QueueCore::check_open(const char* what) const {
    const QueueCompanion* const ours = find_companion(*this);
    if (!ours) return;
    const heap::ParticipantId closed_by = ours->closed_by.load(std::memory_order_relaxed);
    if (closed_by != 0 && closed_by == Heap::program_self())
        throw ValueError(
            fmt::format("{}::{}: the queue is closed in this process", body_of(*this).kind, what));
}

void QueueCore::close() const { companion_of(*this).closed_by = Heap::program_self(); }

int QueueCore::fileno() const {
    check_open("fileno");
    return companion_of(*this).doorbell.fileno();
}

void QueueCore::shutdown(bool immediate) const {
    QueueBody& body = body_of(*this);
    body.channel.ended.store(1);
    const auto drop_one = [&] {
        Taker taker(Heap::program(), body.channel.stream);
        const Taker::Next next = taker.peek();
        if (!next) return false;
        InFlight::Entry* const entry = taker.take(next);
        const MessageBlock dropped = taken_block(*this, next.block, entry);
        if (entry) taker.finish(*entry);
        return true;
    };
    while (immediate && drop_one()) {
    }
    end(body.channel, doorbell_of(*this));
    notify_all(body.all_done);
}

// ---------------------------------------------------------------- what is done

void QueueCore::task_done() const {
    check_open("task_done");
    Heap& heap = Heap::program();
    QueueBody& body = body_of(*this);
    const auto finish = [&] {
        Taker taker(heap, body.channel.stream);
        if (!taker.finish_one())
            throw ValueError(
                "JoinableQueue::task_done: called more often than items were got. Call it once "
                "for each item, after get().");
        return taker.all_are_done();
    };
    if (finish()) notify_all(body.all_done);
}

bool QueueCore::join(Timeout timeout, const std::stop_token& stop) const {
    Heap& heap = Heap::program();
    QueueBody& body = body_of(*this);
    const InFlight& in_flight = body.channel.stream.take.in_flight;
    const auto is_done = [&] {
        // Not each time that it spins, but before each sleep.
        if (body.all_done.waiters.load(std::memory_order_relaxed) != 0)
            bury_dead_takers(heap, body.channel.stream);
        if (in_flight.unfinished() != 0 && !in_flight.shows_returned()) return false;
        return Taker(heap, body.channel.stream).all_are_done();
    };
    const auto waited = wait(heap::NoNote(), body.all_done, is_done, os::Deadline::after(timeout), stop);
    if (waited == heap::Waited::stopped)
        throw CancelledError("JoinableQueue::join: the wait was stopped");
    return waited == heap::Waited::ready;
}

std::size_t QueueCore::lost() const { return body_of(*this).channel.stream.take.in_flight.lost(); }

void QueueCore::throw_full() const {
    const QueueBody& body = body_of(*this);
    throw Full(
        fmt::format("{}::put: full ({} of {} items). Use a longer timeout, or construct it with "
                    "a larger maxsize.",
                    body.kind, size(), body.channel.limit));
}

void QueueCore::throw_empty() const {
    throw Empty(fmt::format("{}::get: nothing arrived in time", body_of(*this).kind));
}

}  // namespace procession::inline v0::detail
